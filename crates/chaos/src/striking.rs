//! Making each fault, and ending it.

mod broker_faults;
mod postgres_faults;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::disk::Disk;
use crate::fault::{Backing, CutMode, Fault, Link};
use crate::process::signal;
use crate::process_table;
use crate::proxy::Proxy;
use crate::run_log::RunLog;
use crate::schedule::Strike;
use crate::stack::Stack;
use crate::target::Target;

/// Waits for its moment, then does all of it.
///
/// # Errors
/// A fault that cannot be made: then the run says nothing.
pub async fn strike(stack: &Stack, strike: Strike, log: &RunLog) -> Result<()> {
    sleep(strike.at).await;
    let _held = stack.turns.wait_for(&strike.fault).await;
    log.say(strike.fault);
    match strike.fault {
        Fault::Kill { target, down } => {
            kill(stack, target).await?;
            sleep(down).await;
            start(stack, target).await?;
        }
        Fault::Pause { target, held } => pause(stack, target, held).await?,
        Fault::StopPostgres { mode, down } => postgres_faults::stop(stack, mode, down).await?,
        Fault::StopMidCommit { mode, unanswered, down } => {
            postgres_faults::stop_mid_commit(stack, mode, unanswered, down).await?;
        }
        Fault::ReadOnlyPostgres { held } => postgres_faults::read_only(stack, held).await?,
        Fault::RestoreBroker { stores, age, down } => {
            broker_faults::restore(stack, stores, age, down, log).await?;
        }
        Fault::Cut { link, how, held } => {
            cut(stack.link(link), how);
            sleep(held).await;
            stack.link(link).iter().for_each(Proxy::heal);
        }
        Fault::FillDisk { target, held } => {
            if let Err(error) = fill(stack, target, held).await {
                log.say(format!("!! skipped: {error:#}"));
            }
        }
        Fault::SlowDisk { target, hang, breath, held } => {
            if let Err(error) = slow_down(stack, target, hang, breath, held).await {
                log.say(format!("!! skipped: {error:#}"));
            }
        }
        Fault::SetClockBack { target, by, held } => {
            if let Err(error) = set_clock_back(stack, target, by, held).await {
                log.say(format!("!! skipped: {error:#}"));
            }
        }
        Fault::Strand { target, unheard, down } => strand(stack, target, unheard, down).await?,
        Fault::KillLeader { down } => broker_faults::kill_leader(stack, down, log).await?,
        Fault::CutLeader { held } => broker_faults::cut_leader(stack, held, log).await?,
        Fault::KillLeaders { times, down } => broker_faults::kill_leaders(stack, times, down, log).await?,
        Fault::Outage { emitter, down } => broker_faults::outage(stack, emitter, down, log).await?,
    }
    log.say(format!("over: {}", strike.fault));
    Ok(())
}

async fn kill(stack: &Stack, target: Target) -> Result<()> {
    match target {
        Target::Nats(number) => stack.broker()?.kill(index(number)).await,
        Target::Postgres => stack.postgres()?.kill().await,
        member => stack.member(member).await.kill9(),
    }
    Ok(())
}

async fn start(stack: &Stack, target: Target) -> Result<()> {
    match target {
        Target::Nats(number) => stack.broker()?.restart(index(number)).await,
        Target::Postgres => stack.postgres()?.restart().await,
        member => stack.member(member).await.start()?,
    }
    Ok(())
}

async fn pause(stack: &Stack, target: Target, held: Duration) -> Result<()> {
    let pids = match target {
        Target::Nats(number) => vec![stack.broker()?.pid(index(number))?],
        // Its sessions are processes too.
        Target::Postgres => process_table::with_children(stack.postgres()?.pid()?),
        member => stack.member(member).await.pid().into_iter().collect(),
    };
    let stopped: Vec<u32> = pids.into_iter().filter(|pid| signal(*pid, "STOP").is_ok()).collect();
    sleep(held).await;
    // A session may have been ended from outside meanwhile.
    for pid in stopped {
        let _ = signal(pid, "CONT");
    }
    Ok(())
}

fn cut(proxies: &[Proxy], how: CutMode) {
    match how {
        CutMode::Reset => proxies.iter().for_each(Proxy::close),
        CutMode::Silence => proxies.iter().for_each(Proxy::silence),
    }
}

async fn strand(stack: &Stack, target: Target, unheard: Duration, down: Duration) -> Result<()> {
    let way = stack.link(Link { from: target, to: Backing::Nats });
    cut(way, CutMode::Silence);
    sleep(unheard).await;
    kill(stack, target).await?;
    // What the dead process had sent must not arrive after all.
    cut(way, CutMode::Reset);
    sleep(down).await;
    way.iter().for_each(Proxy::heal);
    start(stack, target).await
}

async fn fill(stack: &Stack, target: Target, held: Duration) -> Result<()> {
    on_disk(stack, target, Disk::fill).await?;
    sleep(held).await;
    on_disk(stack, target, |disk| {
        disk.free();
        Ok(())
    })
    .await
}

async fn slow_down(stack: &Stack, target: Target, hang: Duration, breath: Duration, held: Duration) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < held {
        on_disk(stack, target, Disk::hang).await?;
        sleep(hang).await;
        on_disk(stack, target, |disk| {
            disk.recover();
            Ok(())
        })
        .await?;
        sleep(breath).await;
    }
    Ok(())
}

/// # Errors
/// Where the process has no disk of its own.
async fn on_disk(stack: &Stack, target: Target, act: impl FnOnce(&Disk) -> Result<()>) -> Result<()> {
    let member = stack.member(target).await;
    let disk = member.disk.as_ref().with_context(|| format!("{target} has no disk of its own"))?;
    block_in_place(|| act(disk))
}

/// # Errors
/// Where the process has no clock of its own.
async fn set_clock_back(stack: &Stack, target: Target, by: Duration, held: Duration) -> Result<()> {
    for (by, lasts) in [(by, held), (Duration::ZERO, Duration::ZERO)] {
        let member = stack.member(target).await;
        let clock = member.clock.as_ref().with_context(|| format!("{target} has no clock of its own"))?;
        clock.set_back(by)?;
        drop(member);
        sleep(lasts).await;
    }
    Ok(())
}

fn index(number: u8) -> usize {
    usize::from(number) - 1
}

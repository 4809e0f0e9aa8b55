//! Making each fault, and ending it.

use std::time::Duration;

use anyhow::Result;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::disk::Disk;
use crate::fault::{Backing, CutMode, Fault, FaultKind, Link, StoresMeanwhile};
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
        Fault::StopPostgres { mode, down } => {
            stack.postgres()?.stop(mode).await?;
            sleep(down).await;
            stack.postgres()?.restart().await;
        }
        Fault::RestoreBroker { stores, age, down } => restore_broker(stack, stores, age, down, log).await?,
        Fault::Cut { link, how, held } => {
            cut(stack.link(link), how);
            sleep(held).await;
            stack.link(link).iter().for_each(Proxy::heal);
        }
        Fault::FillDisk { target, held } => {
            let is_filled = fill(stack, target).await?;
            if !is_filled {
                log.say(format!("!! skipped {:?}: {target} has no disk of its own", FaultKind::Disk));
                return Ok(());
            }
            sleep(held).await;
            stack.member(target).await.disk.iter().for_each(Disk::free);
        }
        Fault::Strand { target, unheard, down } => {
            let way = stack.link(Link { from: target, to: Backing::Nats });
            cut(way, CutMode::Silence);
            sleep(unheard).await;
            kill(stack, target).await?;
            // What the dead process had sent must not arrive after all.
            cut(way, CutMode::Reset);
            sleep(down).await;
            way.iter().for_each(Proxy::heal);
            start(stack, target).await?;
        }
        Fault::KillLeader { down } => {
            let broker = stack.broker()?;
            let leader = broker.leader().await?;
            broker.kill(leader).await;
            sleep(down).await;
            broker.restart(leader).await;
        }
        Fault::CutLeader { held } => {
            let broker = stack.broker()?;
            let leader = broker.leader().await?;
            let ports = broker.ports();
            log.say(format!("everybody is led to nats-{}", leader + 1));
            for way in stack.links_to(Backing::Nats) {
                way.lead_to(ports[leader]);
            }
            // They need a moment to connect.
            sleep(Duration::from_secs(1).min(held / 2)).await;
            broker.cut_off(leader);
            sleep(held).await;
            broker.heal_routes();
            // Each link has a way to each server, in their order.
            for (way, port) in stack.links_to(Backing::Nats).zip(ports.iter().cycle()) {
                way.lead_to(*port);
            }
        }
    }
    log.say(format!("over: {}", strike.fault));
    Ok(())
}

async fn restore_broker(
    stack: &Stack,
    stores: StoresMeanwhile,
    age: Duration,
    down: Duration,
    log: &RunLog,
) -> Result<()> {
    let broker = stack.broker()?;
    let cut_stores = |how: fn(&Proxy)| stack.links_to(Backing::Postgres).for_each(how);
    if let StoresMeanwhile::Behind(by) = stores {
        cut_stores(Proxy::silence);
        sleep(by).await;
    }
    block_in_place(|| broker.copy_files())?;
    match stores {
        StoresMeanwhile::AtWork => {}
        StoresMeanwhile::CutOff => cut_stores(Proxy::silence),
        StoresMeanwhile::Behind(_) => cut_stores(Proxy::heal),
    }
    sleep(age).await;
    broker.kill(0).await;
    block_in_place(|| broker.put_copy_back())?;
    log.say("the broker's files are those of the copy");
    sleep(down).await;
    broker.restart(0).await;
    if stores == StoresMeanwhile::CutOff {
        cut_stores(Proxy::heal);
    }
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

async fn fill(stack: &Stack, target: Target) -> Result<bool> {
    let member = stack.member(target).await;
    match &member.disk {
        Some(disk) => block_in_place(|| disk.fill()).map(|()| true),
        None => Ok(false),
    }
}

fn index(number: u8) -> usize {
    usize::from(number) - 1
}

//! What the NATS servers do.

use std::time::Duration;

use anyhow::Result;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, sleep_until};

use super::{kill, start};
use crate::fault::{Backing, LEADERS_EVERY, StoresMeanwhile};
use crate::proxy::Proxy;
use crate::run_log::RunLog;
use crate::stack::Stack;
use crate::target::Target;

pub async fn restore(
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

pub async fn kill_leader(stack: &Stack, down: Duration, log: &RunLog) -> Result<()> {
    let broker = stack.broker()?;
    let leader = broker.leader().await?;
    log.say(format!("kill -9 nats-{}, which leads", leader + 1));
    broker.kill(leader).await;
    sleep(down).await;
    broker.restart(leader).await;
    Ok(())
}

pub async fn kill_leaders(stack: &Stack, times: u32, down: Duration, log: &RunLog) -> Result<()> {
    let begun = Instant::now();
    for time in 0..times {
        sleep_until(begun + LEADERS_EVERY * time).await;
        kill_leader(stack, down, log).await?;
    }
    Ok(())
}

pub async fn cut_leader(stack: &Stack, held: Duration, log: &RunLog) -> Result<()> {
    let broker = stack.broker()?;
    let leader = broker.leader().await?;
    let addresses = broker.addresses();
    log.say(format!("everybody is led to nats-{}", leader + 1));
    for way in stack.links_to(Backing::Nats) {
        way.lead_to(addresses[leader]);
    }
    // They need a moment to connect.
    sleep(Duration::from_secs(1).min(held / 2)).await;
    block_in_place(|| broker.cut_off(leader))?;
    sleep(held).await;
    block_in_place(|| broker.heal_wires())?;
    // Each link has a way to each server, in their order.
    for (way, address) in stack.links_to(Backing::Nats).zip(addresses.iter().cycle()) {
        way.lead_to(*address);
    }
    Ok(())
}

pub async fn outage(stack: &Stack, emitter: Target, down: Duration, log: &RunLog) -> Result<()> {
    let broker = stack.broker()?;
    let servers = 0..broker.addresses().len();
    for server in servers.clone() {
        broker.kill(server).await;
    }
    sleep(down / 2).await;
    log.say(format!("kill -9 {emitter}, and start it again"));
    kill(stack, emitter).await?;
    start(stack, emitter).await?;
    sleep(down / 2).await;
    for server in servers {
        broker.restart(server).await;
    }
    Ok(())
}

//! The way from this process's log to the bus.

use anyhow::anyhow;
use outbox::{Forwarder, Metrics};
use tokio_util::sync::CancellationToken;

use super::bound::Tasks;
use crate::ground::Ground;

/// With a bus elsewhere, what this process publishes goes there by way of its own log.
pub fn spawn(ground: &Ground, stop: &CancellationToken, tasks: &mut Tasks) {
    let Some(buses) = ground.buses.as_ref().filter(|buses| buses.is_elsewhere) else { return };
    let latch = ground.readiness.service(outbox::NAME, &[outbox::BUS]);
    let metrics = ground.register(Metrics::register);
    let (log, bus, notes) = (buses.log.clone(), buses.bus.clone(), buses.notes.clone());
    let forwarding = Forwarder { log, bus, notes, latch, metrics }.run(stop.child_token());
    tasks.spawn(async move { (outbox::NAME, forwarding.await.map_err(|error| anyhow!(error.chain()))) });
}

//! The log of this process: the watch over it, and the way from it to the bus.

use anyhow::anyhow;
use outbox::{FillMetrics, Forwarder, Keeper, Metrics};
use tokio_util::sync::CancellationToken;

use super::bound::Tasks;
use crate::ground::Ground;

/// With a bus elsewhere, what this process publishes goes there by way of its own log; else the log is the bus.
pub fn spawn(ground: &Ground, stop: &CancellationToken, tasks: &mut Tasks) {
    let Some(buses) = &ground.buses else { return };
    let conditions: &[_] = if buses.is_elsewhere { &[outbox::BUS, outbox::ROOM] } else { &[outbox::ROOM] };
    let latch = ground.readiness.service(outbox::NAME, conditions);
    let mut keeper = Keeper::new(
        buses.path.display().to_string(),
        buses.file.clone(),
        ground.emitter_of(buses, outbox::NAME.to_owned()),
        ground.clock.clone(),
        latch.clone(),
        ground.register(FillMetrics::register),
    );
    let forwarder = buses.is_elsewhere.then(|| {
        let metrics = ground.register(Metrics::register);
        let (log, bus, notes) = (buses.file.clone(), buses.bus.clone(), buses.notes.clone());
        Forwarder { log, bus, notes, latch, metrics }
    });
    let stop = stop.child_token();
    tasks.spawn(async move {
        // Before anything is carried over, so that a log that was full when it was left is told.
        keeper.look().await;
        let forwarding = async {
            let result = if let Some(forwarder) = forwarder {
                forwarder.run(stop.clone()).await
            } else {
                stop.cancelled().await;
                Ok(())
            };
            stop.cancel();
            result
        };
        let (result, ()) = tokio::join!(forwarding, keeper.run(stop.clone()));
        (outbox::NAME, result.map_err(|error| anyhow!(error.chain())))
    });
}

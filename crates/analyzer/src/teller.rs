//! Emitting the events that were committed with what they tell of.

use std::sync::Arc;
use std::time::Duration;

use emitter::{EmitError, Emitter};
use service::readiness::Latch;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::images::Images;
use crate::patience::patiently;

/// Events emitted before those that were are forgotten.
const BATCH_EVENTS_MAX: u64 = 100;
/// How often is looked for events that nobody has announced: those of a process that has died.
const CYCLE: Duration = Duration::from_secs(2);

pub struct Teller {
    pub images: Images,
    pub emitter: Emitter,
    pub latch: Latch,
    pub news: Arc<Notify>,
}

impl Teller {
    /// Until told to stop. What was not emitted by then is emitted at the next start, or by another replica; an event
    /// that is emitted twice is one event, by its ID.
    pub async fn run(self, stop: CancellationToken) {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            let news = self.news.notified();
            match self.tell(&stop).await {
                Some(true) => waits.reset(),
                Some(false) => {
                    tokio::select! {
                        () = news => {}
                        () = tokio::time::sleep(CYCLE) => {}
                        () = stop.cancelled() => {}
                    }
                }
                None => drop(waits.pause(&stop).await),
            }
        }
    }

    /// Returns whether there may be more. `None` where it did not work.
    async fn tell(&self, stop: &CancellationToken) -> Option<bool> {
        let untold = patiently(&self.latch, stop, || self.images.untold(BATCH_EVENTS_MAX)).await?;
        let untold =
            untold.inspect_err(|error| error!(error = error.chain(), "cannot look for events to tell")).ok()?;
        let mut told = Vec::new();
        let mut is_whole = true;
        for event in &untold {
            match self.emitter.emit_as(event.id, event.occurred_at, event.notice.clone()).await {
                Ok(_) => told.push(event.id),
                // Emitting it again would be refused again.
                Err(error @ EmitError::Invalid(_)) => {
                    error!(event.id = %event.id, error = error.chain(), "an event of ours is not valid");
                    told.push(event.id);
                }
                Err(error @ EmitError::NotPublished(_)) => {
                    warn!(error = error.chain(), "cannot tell what came of an image; trying again");
                    is_whole = false;
                    break;
                }
            }
        }
        if !told.is_empty() {
            let forgotten = patiently(&self.latch, stop, || self.images.forget(&told)).await?;
            forgotten.inspect_err(|error| error!(error = error.chain(), "cannot forget events that were told")).ok()?;
        }
        is_whole.then_some(!untold.is_empty())
    }
}

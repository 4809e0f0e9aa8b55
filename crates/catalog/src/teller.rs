//! Tells what was recorded: events to whoever reads them, jobs to the analyzer. Each was decided on together with what it
//! tells, and is forgotten when the bus has it; so it is told once, although the process dies in between.

use std::sync::Arc;
use std::time::Duration;

use bus::{AnalysisJobPublisher, BusError};
use database::DatabaseError;
use emitter::{EmitError, Emitter};
use event::EventId;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::gate::Gate;
use crate::tables::Tables;
use crate::telling::Telling;

/// Most tellings at a time.
const BATCH: u64 = 100;
/// How often it looks without being woken, and so how often the database is looked after while nothing happens.
const CYCLE: Duration = Duration::from_secs(5);

pub(crate) struct Teller {
    pub(crate) gate: Gate,
    pub(crate) emitter: Emitter,
    pub(crate) jobs: AnalysisJobPublisher,
    /// Told when there is something to tell.
    pub(crate) wake: Arc<Notify>,
}

impl Teller {
    /// Until told to stop; what is not told by then is told at the next start.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let Some(tables) = stop.run_until_cancelled(self.gate.opened()).await else { return };
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            match self.tell(tables).await {
                Ok(true) => {
                    waits.reset();
                    let woken = tokio::time::timeout(CYCLE, self.wake.notified());
                    let _ = stop.run_until_cancelled(woken).await;
                }
                Ok(false) => drop(waits.pause(&stop).await),
                Err(error) => {
                    self.gate.fails(&error);
                    waits.pause(&stop).await;
                }
            }
        }
    }

    /// Tells everything there is. Returns whether the bus has taken it.
    async fn tell(&self, tables: &Tables) -> Result<bool, DatabaseError> {
        loop {
            let tellings = tables.tellings(BATCH).await?;
            self.gate.works();
            if tellings.is_empty() {
                return Ok(true);
            }
            let mut told: Vec<EventId> = Vec::new();
            let mut is_taken = true;
            for telling in &tellings {
                is_taken = self.publish(telling).await;
                if !is_taken {
                    break;
                }
                told.push(telling.id());
            }
            if !told.is_empty() {
                tables.told(&told).await?;
                debug!(tellings = told.len(), "told what was recorded");
            }
            if !is_taken {
                return Ok(false);
            }
        }
    }

    /// Returns whether the bus has it, or never will.
    async fn publish(&self, telling: &Telling) -> bool {
        let published = match telling {
            Telling::Event(event) => self.emitter.publish(event).await,
            Telling::Job(job) => self.jobs.publish(job).await.map(drop).map_err(EmitError::NotPublished),
        };
        match published {
            Ok(()) => true,
            Err(EmitError::NotPublished(BusError::Refused(reason))) => {
                error!(telling.id = %telling.id(), reason, "the bus refuses what has to be told");
                true
            }
            Err(error) => {
                warn!(telling.id = %telling.id(), error = error.chain(), "cannot tell what was recorded yet");
                false
            }
        }
    }
}

//! Deleting what is older than the configured age, and forgetting old deletions and walks.

use std::sync::Arc;
use std::time::Duration;

use database::DatabaseError;
use event::Clock;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::EventsTable;
use crate::metrics::Metrics;

/// How often to look for old events and deletions.
const CYCLE: Duration = Duration::from_mins(10);
/// How often to look for walks that have rested.
const WALKS_CYCLE: Duration = Duration::from_mins(1);
/// Events deleted in one transaction.
const BATCH_EVENTS: u64 = 1000;
/// How long a deletion is remembered: longer than any bus or outbox holds a message.
const DELETION_MEMORY: Duration = Duration::from_hours(30 * 24);

pub struct Retention {
    pub table: EventsTable,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    /// `None` keeps every event.
    pub age_max: Option<Duration>,
}

impl Retention {
    /// Until told to stop. A failure is logged and tried again in the next cycle.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.delete_events(&stop), self.forget_walks(&stop));
    }

    async fn forget_walks(&self, stop: &CancellationToken) {
        let walks = self.table.page_walks();
        while tokio::time::timeout(WALKS_CYCLE, stop.cancelled()).await.is_err() {
            match walks.forget(self.clock.now()).await {
                Ok(0) => {}
                Ok(count) => debug!(walks = count, "forgot walks over numbered pages"),
                Err(error) => debug!(error = error.chain(), "could not forget walks, trying again in the next cycle"),
            }
        }
    }

    async fn delete_events(&self, stop: &CancellationToken) {
        loop {
            if let Err(error) = self.cycle(stop).await {
                warn!(error = error.chain(), "could not delete old events, trying again in the next cycle");
            }
            if tokio::time::timeout(CYCLE, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    async fn cycle(&self, stop: &CancellationToken) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        self.table.forget_deleted(now.minus(DELETION_MEMORY)).await?;
        let Some(age_max) = self.age_max else { return Ok(()) };
        let mut expired = 0;
        while !stop.is_cancelled() {
            let count = self.table.expire_batch(now.minus(age_max), BATCH_EVENTS).await?;
            expired += count;
            self.metrics.expired.inc_by(count);
            if count < BATCH_EVENTS {
                break;
            }
        }
        if expired > 0 {
            info!(events = expired, "deleted events older than max_retention_age_days");
        }
        Ok(())
    }
}

//! Forgetting what was delivered or given up long ago.

use std::sync::Arc;
use std::time::Duration;

use event::Clock;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::deliveries::Deliveries;

/// How often to look.
const CYCLE: Duration = Duration::from_mins(10);
/// Deliveries forgotten in one transaction.
const BATCH_DELIVERIES: u64 = 500;

pub struct Retention {
    pub deliveries: Deliveries,
    pub clock: Arc<dyn Clock>,
    /// How long they are kept.
    pub kept: Duration,
}

impl Retention {
    /// Until told to stop. A failure is logged and tried again in the next cycle.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let mut forgotten = 0;
            while !stop.is_cancelled() {
                match self.deliveries.forget_batch(self.clock.now().minus(self.kept), BATCH_DELIVERIES).await {
                    Ok(count) => forgotten += count,
                    Err(error) => warn!(error = error.chain(), "could not forget old deliveries, trying again later"),
                }
                if forgotten % BATCH_DELIVERIES != 0 || forgotten == 0 {
                    break;
                }
            }
            if forgotten > 0 {
                info!(deliveries = forgotten, "forgot old deliveries");
            }
            if tokio::time::timeout(CYCLE, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }
}

//! What is done beside the work: gives up what has waited too long, tells of what was given up, and measures. Apart from
//! [`crate::deliver`], because whoever has something due must not wait for it, however much there is to give up.

use std::sync::Arc;
use std::time::Duration;

use database::DatabaseError;
use event::Clock;
use tokio_util::sync::CancellationToken;

use crate::breaker::Condition;
use crate::deliveries::Deliveries;
use crate::endpoint_key::EndpointKey;
use crate::endpoints::Endpoints;
use crate::ledger::Ledger;
use crate::metrics::{ConditionLabel, Metrics};
use crate::patience::Patience;
use crate::states::{Kept, States};

/// How often to look.
const CYCLE: Duration = Duration::from_secs(5);

pub struct Upkeep {
    pub endpoints: Endpoints,
    pub deliveries: Deliveries,
    pub states: States,
    pub ledger: Ledger,
    pub clock: Arc<dyn Clock>,
    pub patience: Patience,
    pub metrics: Metrics,
}

impl Upkeep {
    /// Until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.patience.wait_for("what has waited too long", || self.look(&stop)).await;
            let _ = tokio::time::timeout(CYCLE, stop.cancelled()).await;
        }
    }

    async fn look(&self, stop: &CancellationToken) -> Result<(), DatabaseError> {
        let states = self.states.all().await?;
        for (key, kept) in &states {
            // Whatever the condition is, one that is sent to gives its deliveries up by itself.
            let is_sent_to = !kept.state.is_held_up() && self.endpoints.known().get(key).is_some();
            let expired = if is_sent_to { 0 } else { self.expire(key, stop).await? };
            if expired > 0 || kept.state.has_given_up_to_tell(self.clock.now()) {
                self.ledger.tell_given_up(key, self.clock.now()).await?;
            }
        }
        self.measure(&states).await
    }

    async fn expire(&self, key: &EndpointKey, stop: &CancellationToken) -> Result<u64, DatabaseError> {
        let mut expired = 0;
        while !stop.is_cancelled() {
            match self.ledger.expire(key, self.clock.now()).await? {
                0 => break,
                count => expired += count,
            }
        }
        Ok(expired)
    }

    async fn measure(&self, states: &[(EndpointKey, Kept)]) -> Result<(), DatabaseError> {
        self.metrics.waiting.set(self.deliveries.count_all_waiting().await?);
        let known = self.endpoints.known();
        for condition in Condition::ALL {
            let is_so =
                |(key, kept): &&(EndpointKey, Kept)| kept.state.condition == condition && known.get(key).is_some();
            let count = states.iter().filter(is_so).count() as u64;
            self.metrics.endpoints.get_or_create(&ConditionLabel { condition: condition.as_str() }).set(count);
        }
        Ok(())
    }
}

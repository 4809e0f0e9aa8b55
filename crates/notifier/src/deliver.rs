//! Which endpoints have something to do: keeps a worker for each, and wakes those for which something is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use database::DatabaseError;
use event::Clock;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};
use webhook::Vetting;

use crate::breaker::Condition;
use crate::endpoint::Endpoint;
use crate::endpoint_key::EndpointKey;
use crate::endpoints::{Endpoints, Known};
use crate::metrics::ConditionLabel;
use crate::patience::{DATABASE, Patience};
use crate::send::Courier;
use crate::worker::{Worker, Workplace};

/// How often to look, whether woken or not: what another replica dispatched, and what is due again.
const CYCLE: Duration = Duration::from_secs(1);
/// How often to look for what has waited too long, in cycles of the clock of this task.
const EXPIRY_CYCLE: Duration = Duration::from_secs(5);

pub struct Deliver {
    pub endpoints: Endpoints,
    pub workplace: Workplace,
    pub vetting: Vetting,
    pub clock: Arc<dyn Clock>,
    pub patience: Patience,
    /// Woken when something has become due.
    pub due: Arc<Notify>,
}

/// A worker under way.
struct Employed {
    revision: String,
    wake: Arc<Notify>,
    stop: CancellationToken,
}

impl Deliver {
    /// Until told to stop; finishes the attempts under way.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let mut workers = HashMap::new();
        let mut waits = Waits::default();
        let mut looked_for_expired = None;
        while !stop.is_cancelled() {
            let now = self.clock.now();
            let looks_for_expired = looked_for_expired.is_none_or(|at| now.since(at) >= EXPIRY_CYCLE);
            match self.look(&mut workers, &tasks, &stop, looks_for_expired).await {
                Ok(()) => {
                    self.patience.latch.holds(DATABASE);
                    waits.reset();
                    looked_for_expired = if looks_for_expired { Some(now) } else { looked_for_expired };
                }
                Err(error) if error.is_transient() => {
                    self.patience.latch.fails(DATABASE, error.chain());
                    waits.pause(&stop).await;
                }
                Err(error) => {
                    error!(error = error.chain(), "the database refused to tell what is due");
                    waits.pause(&stop).await;
                }
            }
            tokio::select! {
                () = self.due.notified() => {}
                () = tokio::time::sleep(CYCLE) => {}
                () = stop.cancelled() => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn look(
        &self,
        workers: &mut HashMap<EndpointKey, Employed>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
        looks_for_expired: bool,
    ) -> Result<(), DatabaseError> {
        let known = self.endpoints.refresh(self.clock.now()).await?;
        self.employ(&known, workers, tasks, stop).await?;
        let now = self.clock.now();
        for waiting in self.workplace.deliveries.waiting().await? {
            // Where what is due must wait for a probe, the worker finds out.
            if waiting.due_at <= now
                && let Some(worker) = workers.get(&waiting.endpoint)
            {
                worker.wake.notify_one();
            }
        }
        let states = self.workplace.states.all().await?;
        for (key, kept) in &states {
            let is_held_up = matches!(kept.state.condition, Condition::Paused | Condition::Stopped);
            if is_held_up
                && kept.state.next_probe_at.is_some_and(|at| at <= now)
                && let Some(worker) = workers.get(key)
            {
                worker.wake.notify_one();
            }
            if looks_for_expired {
                let mut given_up = kept.state.given_up;
                // Whatever the condition is, one that is sent to gives its deliveries up by itself.
                if is_held_up || known.get(key).is_none() {
                    given_up += self.expire(key).await?;
                }
                if given_up > 0 {
                    self.workplace.ledger.tell_given_up(key, now).await?;
                }
            }
        }
        if looks_for_expired {
            self.measure(&known, &states).await?;
        }
        Ok(())
    }

    async fn expire(&self, key: &EndpointKey) -> Result<u64, DatabaseError> {
        let mut expired = 0;
        loop {
            match self.workplace.ledger.expire(key, self.clock.now()).await? {
                0 => return Ok(expired),
                count => expired += count,
            }
        }
    }

    /// A worker for each endpoint; another one where it was changed.
    async fn employ(
        &self,
        known: &Known,
        workers: &mut HashMap<EndpointKey, Employed>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<(), DatabaseError> {
        workers.retain(|key, worker| {
            let stays = known.get(key).is_some_and(|endpoint| endpoint.revision == worker.revision);
            if !stays {
                worker.stop.cancel();
            }
            stays
        });
        for endpoint in &known.all {
            if workers.contains_key(&endpoint.key) {
                continue;
            }
            self.workplace.states.settle(&endpoint.key, &endpoint.target, self.clock.now()).await?;
            if let Some(worker) = self.hire(endpoint, tasks, stop) {
                workers.insert(endpoint.key.clone(), worker);
            }
        }
        Ok(())
    }

    fn hire(&self, endpoint: &Arc<Endpoint>, tasks: &TaskTracker, stop: &CancellationToken) -> Option<Employed> {
        let courier = match Courier::new(endpoint, self.vetting.clone(), Arc::clone(&self.clock)) {
            Ok(courier) => courier,
            Err(problem) => {
                warn!(endpoint = %endpoint.key, problem = %problem, "nothing can be sent to an endpoint");
                return None;
            }
        };
        let (wake, stop) = (Arc::new(Notify::new()), stop.child_token());
        let patience = Patience { latch: self.patience.latch.clone(), stop: stop.clone() };
        let worker = Worker::new(Arc::clone(endpoint), courier, self.workplace.clone(), Arc::clone(&wake), patience);
        tasks.spawn(worker.run());
        Some(Employed { revision: endpoint.revision.clone(), wake, stop })
    }

    async fn measure(&self, known: &Known, states: &[(EndpointKey, crate::states::Kept)]) -> Result<(), DatabaseError> {
        let metrics = &self.workplace.metrics;
        metrics.waiting.set(self.workplace.deliveries.count_all_waiting().await?);
        for condition in Condition::ALL {
            let is_so = |(key, kept): &&(EndpointKey, crate::states::Kept)| {
                kept.state.condition == condition && known.get(key).is_some()
            };
            let count = states.iter().filter(is_so).count() as u64;
            metrics.endpoints.get_or_create(&ConditionLabel { condition: condition.as_str() }).set(count);
        }
        Ok(())
    }
}

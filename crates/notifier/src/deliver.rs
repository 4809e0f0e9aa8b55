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
use webhook::{SystemTrust, Vetting};

use crate::endpoint::Endpoint;
use crate::endpoint_key::EndpointKey;
use crate::endpoints::{Endpoints, Known};
use crate::patience::{DATABASE, Patience};
use crate::send::Courier;
use crate::states::Kept;
use crate::worker::{Worker, Workplace};

/// How often to look, whether woken or not: what another replica dispatched, and what is due again.
const CYCLE: Duration = Duration::from_secs(1);

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
        while !stop.is_cancelled() {
            match self.look(&mut workers, &tasks, &stop).await {
                Ok(()) => {
                    self.patience.latch.holds(DATABASE);
                    waits.reset();
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
    ) -> Result<(), DatabaseError> {
        let known = self.endpoints.refresh(self.clock.now()).await?;
        self.employ(&known, workers, tasks, stop).await?;
        let now = self.clock.now();
        // Where what is due must wait for a probe, the worker finds out.
        let mut to_wake = self.workplace.deliveries.endpoints_with_work(now).await?;
        let states = self.workplace.states.all().await?;
        let has_probe =
            |kept: &Kept| kept.state.is_held_up() && kept.state.next_probe_at.is_some_and(|probe_at| probe_at <= now);
        to_wake.extend(states.into_iter().filter(|(_, kept)| has_probe(kept)).map(|(key, _)| key));
        for worker in to_wake.iter().filter_map(|key| workers.get(key)) {
            worker.wake.notify_one();
        }
        Ok(())
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
        let system_trust = SystemTrust::default();
        for endpoint in &known.all {
            if workers.contains_key(&endpoint.key) {
                continue;
            }
            self.workplace.states.settle(&endpoint.key, &endpoint.target, self.clock.now()).await?;
            if let Some(worker) = self.hire(endpoint, &system_trust, tasks, stop) {
                workers.insert(endpoint.key.clone(), worker);
            }
        }
        Ok(())
    }

    fn hire(
        &self,
        endpoint: &Arc<Endpoint>,
        system_trust: &SystemTrust,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Option<Employed> {
        let courier = Courier::new(endpoint, system_trust.clone(), self.vetting.clone(), Arc::clone(&self.clock));
        let courier = match courier {
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
}

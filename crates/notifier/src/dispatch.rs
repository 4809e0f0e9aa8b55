//! From the bus into the deliveries table: fetch, match, insert, commit, and only then acknowledge.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{Bus, BusError, ConsumerSpec, EventConsumer, EventMessage, Fetched, Topic, Verdict};
use event::{Clock, Timestamp};
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::backlogs::Backlogs;
use crate::deliveries::Deliveries;
use crate::delivery::NewDelivery;
use crate::endpoint::Endpoint;
use crate::endpoint_key::EndpointKey;
use crate::endpoints::Endpoints;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::patience::{BUS, Patience};
use crate::stored::{GRACE, StoredEvents};
use crate::turn::Turn;

/// The notifier's place in the stream.
const CONSUMER: &str = "notifier";
/// Events taken at once.
const BATCH_EVENTS_MAX: usize = 500;
/// A message not settled within this time is delivered again, which is harmless.
const ACK_WAIT: Duration = Duration::from_secs(15);
/// Longer than that, so that a successor finds what its predecessor left, see [`crate::turn`].
const TURN: Duration = Duration::from_secs(20);
/// How long one fetch waits for the first event, and so how long a stop waits for an idle notifier.
const FETCH_WAIT: Duration = Duration::from_secs(1);
/// How often a replica looks whether it is its turn.
const TURN_CYCLE: Duration = Duration::from_secs(1);

pub struct Dispatch {
    pub bus: Arc<dyn Bus>,
    pub turn: Turn,
    pub deliveries: Deliveries,
    pub endpoints: Endpoints,
    pub ledger: Ledger,
    pub stored: StoredEvents,
    pub clock: Arc<dyn Clock>,
    pub patience: Patience,
    pub metrics: Metrics,
    /// Woken when something has become due.
    pub due: Arc<Notify>,
}

impl Dispatch {
    /// Until told to stop; finishes the batch in hand.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BusError> {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            if !self.has_turn().await {
                match self.bus.check().await {
                    Ok(()) => self.patience.latch.holds(BUS),
                    Err(error) => self.patience.latch.fails(BUS, error.chain()),
                }
                let _ = tokio::time::timeout(TURN_CYCLE, stop.cancelled()).await;
                continue;
            }
            let ended = self.consume(&stop, &mut waits).await;
            // Whatever this one had in hand is settled, or comes back to whoever has the turn.
            if let Err(error) = self.turn.give_back().await {
                debug!(error = error.chain(), "the turn ends by itself");
            }
            let Some(error) = ended else { continue };
            self.patience.latch.fails(BUS, error.chain());
            if !error.is_transient() {
                return Err(error);
            }
            waits.pause(&stop).await;
        }
        Ok(())
    }

    async fn has_turn(&self) -> bool {
        let now = self.clock.now();
        self.patience.wait_for("whose turn it is", || self.turn.take(now, now.plus(TURN))).await.unwrap_or(false)
    }

    /// Until told to stop or until another replica has the turn (`None`), or until the bus fails.
    async fn consume(&self, stop: &CancellationToken, waits: &mut Waits) -> Option<BusError> {
        let spec = ConsumerSpec {
            name: CONSUMER,
            reads: Some(Topic::Events),
            ack_wait: ACK_WAIT,
            unsettled_max: 2 * BATCH_EVENTS_MAX,
        };
        let consumer = match EventConsumer::open(&*self.bus, &spec).await {
            Ok(consumer) => consumer,
            Err(error) => return Some(error),
        };
        self.patience.latch.holds(BUS);
        let mut backlogs = Backlogs::default();
        while !stop.is_cancelled() && self.has_turn().await {
            let fetched = match consumer.fetch(BATCH_EVENTS_MAX, FETCH_WAIT).await {
                Ok(fetched) => fetched,
                Err(error) => return Some(error),
            };
            self.patience.latch.holds(BUS);
            waits.reset();
            if let Err(error) = self.take(&consumer, fetched, &mut backlogs).await {
                return Some(error);
            }
        }
        None
    }

    /// Makes the deliveries of what was fetched, however long the database is away; and only then settles it.
    async fn take(&self, consumer: &EventConsumer, fetched: Fetched, backlogs: &mut Backlogs) -> Result<(), BusError> {
        if !fetched.unreadable.is_empty() {
            // The store puts them aside, and says so.
            let tokens = fetched.unreadable.into_iter().map(|unreadable| unreadable.message.token);
            consumer.settle(tokens, Verdict::Reject).await?;
        }
        let messages = fetched.events;
        if messages.is_empty() {
            return Ok(());
        }
        let endpoints = self.patience.wait_for("the endpoints", || self.endpoints.refresh(self.clock.now())).await;
        let Some(endpoints) = endpoints else { return Ok(()) };
        let now = self.clock.now();
        let mut new = self.owed(&messages, &endpoints.all, now);
        if !new.is_empty() && !self.write(&mut new, backlogs, now).await {
            return Ok(());
        }
        consumer.settle(messages.into_iter().map(|message| message.token), Verdict::Ack).await
    }

    /// The deliveries of `messages`, in their order.
    fn owed(&self, messages: &[EventMessage], endpoints: &[Arc<Endpoint>], now: Timestamp) -> Vec<NewDelivery> {
        let mut new = Vec::new();
        for EventMessage { event, .. } in messages {
            for endpoint in endpoints.iter().filter(|endpoint| endpoint.rule.wants(endpoint.name(), event)) {
                let stored_at = self.stored.stored_at(event.id);
                let due_at = if stored_at.is_some() { now } else { now.plus(GRACE) };
                new.push(NewDelivery {
                    endpoint: endpoint.key.clone(),
                    event: event.clone(),
                    stored_at,
                    due_at,
                    expires_at: due_at.plus(endpoint.retry.span),
                    given_up: None,
                });
            }
        }
        new
    }

    /// Returns whether they are there; not when told to stop.
    async fn write(&self, new: &mut [NewDelivery], backlogs: &mut Backlogs, now: Timestamp) -> bool {
        let Some(overflows) = self.bound(new, backlogs).await else { return false };
        let new = &*new;
        let appended = self.patience.wait_for("new deliveries", || self.deliveries.append(new, now)).await;
        let Some(appended) = appended else { return false };
        self.metrics.dispatched.inc_by(appended);
        debug!(deliveries = appended, "dispatched");
        for (endpoint, count) in overflows {
            warn!(endpoint = %endpoint, count, "too many notifications wait; the last ones are given up");
            if let Err(error) = self.ledger.overflowed(&endpoint, count).await {
                warn!(error = error.chain(), "could not report what was given up");
            }
        }
        self.note_what_was_stored_meanwhile(new).await;
        self.due.notify_one();
        true
    }

    /// Gives up those of `new` for which there is no room any more, the last ones of each endpoint. Returns how many that
    /// is, where it is any; `None` when told to stop.
    async fn bound(&self, new: &mut [NewDelivery], backlogs: &mut Backlogs) -> Option<Vec<(EndpointKey, u64)>> {
        let mut owed_by_endpoint: HashMap<EndpointKey, u64> = HashMap::new();
        for new in &*new {
            *owed_by_endpoint.entry(new.endpoint.clone()).or_default() += 1;
        }
        let endpoints = self.endpoints.known();
        let mut overflows = Vec::new();
        for (endpoint, owed) in owed_by_endpoint {
            let max = endpoints.get(&endpoint).map_or(u64::MAX, |endpoint| endpoint.limits.backlog_max);
            let begun = Instant::now();
            if backlogs.needs_count(&endpoint, owed, max, begun) {
                let count = || self.deliveries.count_waiting(&endpoint, max);
                let waiting = self.patience.wait_for("how much waits", count).await?;
                backlogs.note_count(&endpoint, waiting, max, begun, Instant::now());
            }
            let admitted = backlogs.admit(&endpoint, owed, max);
            if admitted < owed {
                let beyond = new.iter_mut().filter(|new| new.endpoint == endpoint);
                for new in beyond.skip(usize::try_from(admitted).unwrap_or(usize::MAX)) {
                    new.given_up = Some("too many notifications waited for the endpoint already".to_owned());
                }
                overflows.push((endpoint, owed - admitted));
            }
        }
        Some(overflows)
    }

    /// The store may have told of an event after it was looked for and before its delivery could be found.
    async fn note_what_was_stored_meanwhile(&self, new: &[NewDelivery]) {
        let late = self.stored.await_all(new.iter().map(|new| (new.event.id, new.stored_at.is_some())));
        for (event, stored_at) in late {
            if let Err(error) = self.deliveries.note_stored(&[event], stored_at, self.clock.now()).await {
                warn!(error = error.chain(), "could not note what the store has; it is sent a little later");
                return;
            }
        }
    }
}

//! From the bus into the table: fetch, append, commit, and only then acknowledge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{
    Bus, BusError, ConsumerSpec, EventConsumer, EventMessage, Fetched, Notes, STORED, StoredNote, Topic, Unreadable,
    Verdict,
};
use database::DatabaseError;
use event::{Clock, Event};
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::metrics::Metrics;
use crate::put_aside::PutAside;
use crate::{DeadLetter, EventsTable};

/// Conditions of the service's readiness.
pub const BUS: &str = "bus";
pub const DATABASE: &str = "database";
/// What arrives can be stored: a database may answer, and take nothing.
pub const TABLE: &str = "table";

/// The store's place in the stream; every replica shares it.
const CONSUMER: &str = "events-store";
/// Longer than the worst batch takes; a batch that takes longer is delivered again, which is harmless. What a store had
/// in hand when it was killed comes back after this time.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How long one fetch waits for the first event, and so how long a stop waits for an idle store.
const FETCH_WAIT: Duration = Duration::from_secs(1);
/// An event that the database refuses is tried again after this time, and put aside when it was delivered this often.
const REFUSED_RETRY: Duration = Duration::from_secs(10);
const REFUSED_ATTEMPTS_MAX: u32 = 3;

pub struct Ingest {
    pub table: EventsTable,
    pub bus: Arc<dyn Bus>,
    /// Where outboxes and the notifier wait to hear what is stored.
    pub notes: Arc<dyn Notes>,
    pub clock: Arc<dyn Clock>,
    pub latch: Latch,
    pub metrics: Metrics,
    pub put_aside: PutAside,
    pub batch_events_max: usize,
}

impl Ingest {
    /// Until told to stop; finishes the batch in hand.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BusError> {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            let Some(error) = self.consume(&stop, &mut waits).await else { break };
            self.latch.fails(BUS, error.chain());
            if !error.is_transient() {
                return Err(error);
            }
            waits.pause(&stop).await;
        }
        Ok(())
    }

    /// Until told to stop (`None`) or until the bus fails.
    async fn consume(&self, stop: &CancellationToken, waits: &mut Waits) -> Option<BusError> {
        let spec = ConsumerSpec {
            name: CONSUMER,
            reads: Some(Topic::Events),
            ack_wait: ACK_WAIT,
            unsettled_max: 4 * self.batch_events_max,
        };
        let consumer = match EventConsumer::open(&*self.bus, &spec).await {
            Ok(consumer) => consumer,
            Err(error) => return Some(error),
        };
        self.latch.holds(BUS);
        loop {
            if stop.is_cancelled() {
                return None;
            }
            // Not broken off when told to stop: what was on its way would come back only after its acknowledgement is
            // overdue.
            let fetched = match consumer.fetch(self.batch_events_max, FETCH_WAIT).await {
                Ok(fetched) => fetched,
                Err(error) => return Some(error),
            };
            self.latch.holds(BUS);
            waits.reset();
            if let Err(error) = self.take_in(&consumer, fetched, stop).await {
                return Some(error);
            }
        }
    }

    /// Stores what was fetched, or puts it aside, however long the database is away; and only then settles it. Stopped
    /// meanwhile, it leaves the rest: what was not acknowledged comes back at the next start.
    async fn take_in(
        &self,
        consumer: &EventConsumer,
        fetched: Fetched,
        stop: &CancellationToken,
    ) -> Result<(), BusError> {
        for Unreadable { message, reason } in fetched.unreadable {
            let token = message.token.clone();
            let letter = self.letter(message.id, message.subject, crate::error::chain(&reason), message.payload);
            let Some(verdict) = self.set_aside(letter, stop).await else { return Ok(()) };
            consumer.settle([token], verdict).await?;
        }
        if fetched.events.is_empty() {
            return Ok(());
        }
        let events: Vec<Event> = fetched.events.iter().map(|message| message.event.clone()).collect();
        match self.patiently(stop, || self.append(&events)).await {
            None => Ok(()),
            Some(Ok(())) => {
                self.confirm(events.iter().map(|event| event.id.to_string())).await;
                consumer.settle(fetched.events.into_iter().map(|message| message.token), Verdict::Ack).await
            }
            Some(Err(error)) => {
                error!(batch.events = events.len(), error = error.chain(), "the database refused a batch");
                self.take_in_one_by_one(consumer, fetched.events, stop).await
            }
        }
    }

    /// Keeps one event that the database refuses from holding up its batch: it comes back some times, and is then put
    /// aside.
    async fn take_in_one_by_one(
        &self,
        consumer: &EventConsumer,
        messages: Vec<EventMessage>,
        stop: &CancellationToken,
    ) -> Result<(), BusError> {
        for EventMessage { event, attempt, token } in messages {
            let verdict = match self.patiently(stop, || self.append(std::slice::from_ref(&event))).await {
                None => return Ok(()),
                Some(Ok(())) => {
                    self.confirm([event.id.to_string()]).await;
                    Verdict::Ack
                }
                Some(Err(error)) if attempt < REFUSED_ATTEMPTS_MAX => {
                    let reason = error.chain();
                    error!(event.id = %event.id, attempt, error = reason, "the database refused an event; trying again");
                    Verdict::Retry { after: REFUSED_RETRY }
                }
                Some(Err(error)) => {
                    let (id, subject) = (event.id.to_string(), bus::event_subject(&event));
                    let letter = self.letter(id, subject, error.chain(), proto::encode_payload(&event));
                    let Some(verdict) = self.set_aside(letter, stop).await else { return Ok(()) };
                    verdict
                }
            };
            consumer.settle([token], verdict).await?;
        }
        Ok(())
    }

    /// Puts a message aside that can never be stored, however long the database is away. `None` when told to stop.
    async fn set_aside(&self, letter: DeadLetter, stop: &CancellationToken) -> Option<Verdict> {
        match self.patiently(stop, || self.put_aside.put(letter.clone())).await? {
            Ok(()) => {
                self.confirm([letter.id]).await;
                Some(Verdict::Reject)
            }
            // Not even that: then it stays where it is.
            Err(error) => {
                error!(message.id = letter.id, error = error.chain(), "cannot put a message aside; trying again");
                Some(Verdict::Retry { after: REFUSED_RETRY })
            }
        }
    }

    /// Tells what is committed. A note that is lost costs a repeat, so its failure is no news.
    async fn confirm(&self, ids: impl IntoIterator<Item = String>) {
        let note = StoredNote { stored_at: self.clock.now(), ids: ids.into_iter().collect() };
        if let Err(error) = self.notes.tell(STORED, note.encode()).await {
            debug!(error = error.chain(), "could not confirm a batch");
        }
    }

    /// Tries until the database is there. `None` when told to stop, else what the database has said for good.
    async fn patiently<T, F>(
        &self,
        stop: &CancellationToken,
        attempt: impl Fn() -> F,
    ) -> Option<Result<T, DatabaseError>>
    where
        F: Future<Output = Result<T, DatabaseError>>,
    {
        let mut waits = Waits::default();
        loop {
            match attempt().await {
                Err(error) if error.is_transient() => {
                    self.latch.fails(TABLE, error.chain());
                    if waits.pause(stop).await {
                        return None;
                    }
                }
                said => {
                    self.latch.holds(TABLE);
                    return Some(said);
                }
            }
        }
    }

    async fn append(&self, events: &[Event]) -> Result<(), DatabaseError> {
        let begun = Instant::now();
        let stored = self.table.append(events, self.clock.now()).await?;
        let known = events.len() as u64 - stored;
        self.metrics.append_seconds.observe(begun.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most 5000 events")]
        self.metrics.batch_events.observe(events.len() as f64);
        self.metrics.stored.inc_by(stored);
        self.metrics.known.inc_by(known);
        debug!(batch.events = events.len(), batch.known = known, "stored a batch");
        Ok(())
    }

    fn letter(&self, id: String, subject: String, reason: String, payload: Vec<u8>) -> DeadLetter {
        DeadLetter { id, put_aside_at: self.clock.now(), subject, reason, payload }
    }
}

//! From the bus into the table: fetch, append, commit, and only then acknowledge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{Bus, BusError, ConsumerSpec, EventConsumer, EventMessage, Verdict};
use database::DatabaseError;
use event::{Clock, Event};
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::EventsTable;
use crate::metrics::Metrics;

/// Conditions of the service's readiness.
pub const BUS: &str = "bus";
pub const DATABASE: &str = "database";

/// The store's place in the stream; every replica shares it.
const CONSUMER: &str = "events-store";
/// Longer than the worst batch takes; a batch that takes longer is delivered again, which is harmless.
const ACK_WAIT: Duration = Duration::from_mins(1);
/// How long one fetch waits for the first event.
const FETCH_WAIT: Duration = Duration::from_secs(5);
/// After an event that the database refuses, how long until it is tried again.
const REFUSED_RETRY: Duration = Duration::from_mins(1);

pub struct Ingest {
    pub table: EventsTable,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub latch: Latch,
    pub metrics: Metrics,
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
        let spec = ConsumerSpec { name: CONSUMER, ack_wait: ACK_WAIT, unsettled_max: 4 * self.batch_events_max };
        let consumer = match EventConsumer::open(&*self.bus, &spec).await {
            Ok(consumer) => consumer,
            Err(error) => return Some(error),
        };
        self.latch.holds(BUS);
        loop {
            let fetched = tokio::select! {
                () = stop.cancelled() => return None,
                fetched = consumer.fetch(self.batch_events_max, FETCH_WAIT) => fetched,
            };
            let batch = match fetched {
                Ok(batch) => batch,
                Err(error) => return Some(error),
            };
            self.latch.holds(BUS);
            waits.reset();
            if !batch.is_empty()
                && let Err(error) = self.store(&consumer, batch, stop).await
            {
                return Some(error);
            }
        }
    }

    /// Stores a batch however long the database is away, then settles it.
    async fn store(
        &self,
        consumer: &EventConsumer,
        batch: Vec<EventMessage>,
        stop: &CancellationToken,
    ) -> Result<(), BusError> {
        let mut waits = Waits::default();
        let events: Vec<Event> = batch.iter().map(|message| message.event.clone()).collect();
        loop {
            match self.append(&events).await {
                Ok(()) => return consumer.settle(batch, Verdict::Ack).await,
                Err(error) if error.is_transient() => {
                    self.latch.fails(DATABASE, error.chain());
                    // Stopped meanwhile: what was not acknowledged comes back at the next start.
                    if waits.pause(stop).await {
                        return Ok(());
                    }
                }
                Err(error) => {
                    error!(batch.events = events.len(), error = error.chain(), "the database refused a batch");
                    return self.store_one_by_one(consumer, batch).await;
                }
            }
        }
    }

    /// Keeps one event that the database refuses from holding up its batch. It is not given up: it comes back.
    async fn store_one_by_one(&self, consumer: &EventConsumer, batch: Vec<EventMessage>) -> Result<(), BusError> {
        for message in batch {
            let verdict = match self.append(std::slice::from_ref(&message.event)).await {
                Ok(()) => Verdict::Ack,
                Err(error) => {
                    let id = message.event.id;
                    error!(event.id = %id, error = error.chain(), "the database refused an event; trying again later");
                    Verdict::Retry { after: REFUSED_RETRY }
                }
            };
            consumer.settle(vec![message], verdict).await?;
        }
        Ok(())
    }

    async fn append(&self, events: &[Event]) -> Result<(), DatabaseError> {
        let begun = Instant::now();
        let stored = self.table.append(events, self.clock.now()).await?;
        let known = events.len() as u64 - stored;
        self.latch.holds(DATABASE);
        self.metrics.append_seconds.observe(begun.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a batch has at most 5000 events")]
        self.metrics.batch_events.observe(events.len() as f64);
        self.metrics.stored.inc_by(stored);
        self.metrics.known.inc_by(known);
        debug!(batch.events = events.len(), batch.known = known, "stored a batch");
        Ok(())
    }
}

/// Makes the tables, however long the database is away.
///
/// # Errors
/// What can never work: a schema of a newer release, or tables that were tampered with.
pub async fn prepare(
    database: &database::Database,
    migrate: bool,
    latch: &Latch,
    stop: &CancellationToken,
) -> Result<(), DatabaseError> {
    let mut waits = Waits::default();
    loop {
        let prepared = if migrate {
            database.migrate::<crate::Migrator>().await.map(|()| true)
        } else {
            database.is_migrated::<crate::Migrator>().await
        };
        match prepared {
            Ok(true) => {
                latch.holds(DATABASE);
                info!("the database is ready");
                return Ok(());
            }
            Ok(false) => latch.fails(DATABASE, "its schema is not up to date, run `anchore-events migrate`"),
            Err(error) if error.is_transient() => latch.fails(DATABASE, error.chain()),
            Err(error) => return Err(error),
        }
        if waits.pause(stop).await {
            return Ok(());
        }
    }
}

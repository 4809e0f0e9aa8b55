//! Carrying messages from the log to the bus, and forgetting them when the store has them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bus::{Bus, BusError, Consumer, ConsumerSpec, Message, Notes, Outgoing, STORED, Settlement, StoredNote, Verdict};
use futures::StreamExt;
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::Metrics;
use crate::awaited::Awaited;

/// Its name in the readiness of its process.
pub const NAME: &str = "outbox";

/// The conditions that it keeps.
pub const BUS: &str = "bus";
pub const STORE: &str = "store";

/// The forwarder's place in the local log.
const CONSUMER: &str = "forwarder";
/// Most messages carried over together.
const BATCH_MESSAGES_MAX: usize = 500;
/// Most messages on the bus that the store has not confirmed; the others wait in the log.
const AWAITED_MAX: usize = 20_000;
/// How long one fetch waits for the first message.
const FETCH_WAIT: Duration = Duration::from_secs(5);
/// What the store has not confirmed after this time comes back from the log.
const CONFIRM_WAIT: Duration = Duration::from_secs(30);

/// Carries messages from a local log to a bus.
pub struct Forwarder {
    pub log: Arc<dyn Bus>,
    pub bus: Arc<dyn Bus>,
    /// Where the store tells what it has stored.
    pub notes: Arc<dyn Notes>,
    pub latch: Latch,
    pub metrics: Metrics,
}

impl Forwarder {
    /// Until told to stop. What the store has not confirmed stays in the log for the next start.
    ///
    /// # Errors
    /// What can never work: a log or a bus that is not set up as needed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BusError> {
        let spec = ConsumerSpec { name: CONSUMER, reads: None, ack_wait: CONFIRM_WAIT, unsettled_max: AWAITED_MAX };
        let consumer = self.log.consumer(&spec).await?;
        let carrying = Carrying { forwarder: self, consumer, awaited: Mutex::default() };
        // Either one that fails ends the other.
        let stop = stop.child_token();
        let hearing = async {
            let result = carrying.hear(&stop).await;
            stop.cancel();
            result
        };
        let carrying_over = async {
            let result = carrying.carry_over(&stop).await;
            stop.cancel();
            result
        };
        let watching = carrying.watch(&stop);
        let (heard, carried, ()) = tokio::join!(hearing, carrying_over, watching);
        heard.and(carried)
    }
}

struct Carrying {
    forwarder: Forwarder,
    consumer: Arc<dyn Consumer>,
    awaited: Mutex<Awaited>,
}

impl Carrying {
    /// Takes what the store has confirmed off the log.
    async fn hear(&self, stop: &CancellationToken) -> Result<(), BusError> {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            match self.forwarder.notes.hear(STORED).await {
                Ok(mut notes) => {
                    while let Some(Some(note)) = stop.run_until_cancelled(notes.next()).await {
                        self.confirmed(&note).await;
                    }
                }
                Err(error) if error.is_transient() => self.forwarder.latch.fails(BUS, error.chain()),
                Err(error) => return Err(error),
            }
            waits.pause(stop).await;
        }
        Ok(())
    }

    async fn confirmed(&self, note: &[u8]) {
        let Some(note) = StoredNote::decode(note) else { return };
        let settlements = self.lock().confirmed(note.ids.iter().map(String::as_str), Instant::now());
        self.forwarder.latch.holds(STORE);
        if settlements.is_empty() {
            return;
        }
        self.forwarder.metrics.confirmed.inc_by(settlements.len() as u64);
        self.show_awaited();
        if let Err(error) = self.consumer.settle(settlements).await {
            // They come back, are published again, and confirmed again.
            warn!(error = error.chain(), "cannot take confirmed messages off the log, they will be sent again");
        }
    }

    async fn carry_over(&self, stop: &CancellationToken) -> Result<(), BusError> {
        let mut waits = Waits::default();
        loop {
            let Some(fetched) = stop.run_until_cancelled(self.consumer.fetch(BATCH_MESSAGES_MAX, FETCH_WAIT)).await
            else {
                return Ok(());
            };
            match fetched {
                Ok(batch) => {
                    waits.reset();
                    let batch = self.sift(batch).await?;
                    self.publish(batch, stop).await?;
                }
                Err(error) if error.is_transient() => {
                    error!(error = error.chain(), "cannot read the log");
                    if waits.pause(stop).await {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What is to be published: new messages, and old ones that are likely lost. The others wait on.
    async fn sift(&self, batch: Vec<Message>) -> Result<Vec<Message>, BusError> {
        let mut due = Vec::new();
        let mut held = Vec::new();
        {
            let mut awaited = self.lock();
            for message in batch {
                if message.attempt == 1 || awaited.is_overdue(&message.id) {
                    due.push(message);
                } else {
                    awaited.hold(&message.id, message.token.clone());
                    held.push(Settlement { token: message.token, verdict: Verdict::Retry { after: CONFIRM_WAIT } });
                }
            }
        }
        let again = due.iter().filter(|message| message.attempt > 1).count();
        self.forwarder.metrics.published_again.inc_by(again as u64);
        if again > 0 {
            debug!(messages = again, "publishing again what the store has not confirmed");
        }
        if !held.is_empty() {
            let waiting = CONFIRM_WAIT.as_secs();
            self.forwarder.latch.fails(STORE, format!("no events-store has confirmed anything for {waiting} s"));
            self.consumer.settle(held).await?;
        }
        Ok(due)
    }

    /// Publishes a batch until all of it is on the bus. Repeats keep the order and their IDs: of a batch that failed in
    /// the middle, everything from the first failure on is published again, and what had arrived is a duplicate.
    async fn publish(&self, mut batch: Vec<Message>, stop: &CancellationToken) -> Result<(), BusError> {
        let mut waits = Waits::default();
        while !batch.is_empty() {
            self.expect(&batch);
            let results = self.forwarder.bus.publish(batch.iter().map(outgoing).collect()).await;
            let mut published = 0;
            let mut refused = Vec::new();
            let mut failure = None;
            for (message, result) in batch.iter().zip(results) {
                match result {
                    Ok(_) => {}
                    Err(BusError::Refused(reason)) => {
                        error!(message.id, reason, "the bus refuses a message for good; it is given up");
                        refused.push(Settlement { token: message.token.clone(), verdict: Verdict::Reject });
                    }
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
                published += 1;
            }
            batch.drain(..published);
            self.forwarder.metrics.published.inc_by(published as u64);
            if !refused.is_empty() {
                self.consumer.settle(refused).await?;
            }
            match failure {
                None => self.forwarder.latch.holds(BUS),
                Some(error) if error.is_transient() => {
                    self.forwarder.latch.fails(BUS, error.chain());
                    if waits.pause(stop).await {
                        return Ok(());
                    }
                }
                Some(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells at start whether the bus can be reached, while there is nothing to carry over.
    async fn watch(&self, stop: &CancellationToken) {
        let mut waits = Waits::default();
        loop {
            match self.forwarder.bus.check().await {
                Ok(()) => return self.forwarder.latch.holds(BUS),
                Err(error) => self.forwarder.latch.fails(BUS, error.chain()),
            }
            if waits.pause(stop).await {
                return;
            }
        }
    }

    fn expect(&self, batch: &[Message]) {
        let now = Instant::now();
        let mut awaited = self.lock();
        for message in batch {
            awaited.expect(&message.id, message.token.clone(), now);
        }
        drop(awaited);
        self.show_awaited();
    }

    fn show_awaited(&self) {
        let awaited = i64::try_from(self.lock().len()).unwrap_or(i64::MAX);
        self.forwarder.metrics.awaited.set(awaited);
    }

    fn lock(&self) -> MutexGuard<'_, Awaited> {
        self.awaited.lock().expect("nothing panics while it is held")
    }
}

fn outgoing(message: &Message) -> Outgoing {
    Outgoing { subject: message.subject.clone(), id: message.id.clone(), payload: message.payload.clone() }
}

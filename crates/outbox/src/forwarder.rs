//! Carrying messages from the log to the bus, and forgetting them when the store has them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bus::{
    ASKED, ASKED_IDS_MAX, AskedNote, Bus, BusError, Consumer, ConsumerSpec, Log, Message, Notes, Outgoing, STORED,
    Settlement, StoredNote, Topic, Verdict,
};
use futures::StreamExt;
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::Metrics;
use crate::awaited::Awaited;

/// The conditions that it keeps.
pub const BUS: &str = "bus";
pub const STORE: &str = "store";

/// The forwarder's place in the local log.
pub const CONSUMER: &str = "forwarder";
/// Most messages carried over together.
const BATCH_MESSAGES_MAX: usize = 500;
/// Most messages on the bus that the store has not confirmed; the others wait in the log.
const AWAITED_MAX: usize = 20_000;
/// How long one fetch waits for the first message.
const FETCH_WAIT: Duration = Duration::from_secs(5);
/// What the store has not confirmed after this time comes back from the log.
pub const CONFIRM_WAIT: Duration = Duration::from_secs(30);
/// A message that comes back this often although the store was asked for it says that there is none.
const UNHEARD_ATTEMPTS: u32 = 3;
/// How often it is looked whether the bus can be reached, while nothing is published.
const CHECK_CYCLE: Duration = Duration::from_secs(5);

/// Carries messages from a local log to a bus.
pub struct Forwarder {
    pub log: Arc<dyn Log>,
    pub bus: Arc<dyn Bus>,
    /// Where the store tells what it has stored.
    pub notes: Arc<dyn Notes>,
    pub latch: Latch,
    pub metrics: Metrics,
}

impl Forwarder {
    /// Until told to stop. What the store has not confirmed stays in the log for the next start. However wrong the bus
    /// is, this goes on trying: whoever emits must not end for it.
    ///
    /// # Errors
    /// A log that can never be read.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BusError> {
        let spec = ConsumerSpec { name: CONSUMER, reads: None, ack_wait: CONFIRM_WAIT, unsettled_max: AWAITED_MAX };
        let consumer = self.log.consumer(&spec).await?;
        let carrying =
            Carrying { forwarder: self, consumer, awaited: Mutex::default(), is_stuck: AtomicBool::new(false) };
        // The one that fails ends the others.
        let stop = stop.child_token();
        let carrying_over = async {
            let result = carrying.carry_over(&stop).await;
            stop.cancel();
            result
        };
        let (carried, (), ()) = tokio::join!(carrying_over, carrying.hear(&stop), carrying.watch(&stop));
        carried
    }
}

struct Carrying {
    forwarder: Forwarder,
    consumer: Arc<dyn Consumer>,
    awaited: Mutex<Awaited>,
    /// Whether the bus does not take what it is given at the moment.
    is_stuck: AtomicBool,
}

impl Carrying {
    /// Takes what the store has confirmed off the log.
    async fn hear(&self, stop: &CancellationToken) {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            match self.forwarder.notes.hear(STORED).await {
                Ok(mut notes) => {
                    while let Some(Some(note)) = stop.run_until_cancelled(notes.next()).await {
                        self.confirmed(&note).await;
                    }
                }
                Err(error) => self.forwarder.latch.fails(BUS, error.chain()),
            }
            waits.pause(stop).await;
        }
    }

    async fn confirmed(&self, note: &[u8]) {
        let Some(note) = StoredNote::decode(note) else { return };
        let (settlements, are_events) = self.lock().confirmed(note.ids.iter().map(String::as_str));
        if settlements.is_empty() {
            return;
        }
        if are_events {
            self.forwarder.latch.holds(STORE);
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
                    let batch = self.sift(batch).await;
                    self.publish(batch, stop).await;
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

    /// What is to be published. The others wait on.
    async fn sift(&self, batch: Vec<Message>) -> Vec<Message> {
        let sifted = self.lock().sift(batch, Instant::now());
        let again = sifted.due.iter().filter(|message| message.attempt > 1).count();
        self.forwarder.metrics.published_again.inc_by(again as u64);
        if again > 0 {
            debug!(messages = again, "publishing again what the store has not confirmed");
        }
        // They were asked for when they came back the last time.
        let is_unheard =
            |message: &Message| message.attempt >= UNHEARD_ATTEMPTS && Topic::Events.holds(&message.subject);
        if sifted.held.iter().any(is_unheard) {
            let waiting = CONFIRM_WAIT.as_secs() * u64::from(UNHEARD_ATTEMPTS - 1);
            self.forwarder.latch.fails(STORE, format!("no events-store has confirmed anything for {waiting} s"));
        }
        self.ask(sifted.held.iter().chain(&sifted.due).filter(|message| message.attempt > 1)).await;
        let wait_on =
            |message: Message| Settlement { token: message.token, verdict: Verdict::Retry { after: CONFIRM_WAIT } };
        self.settle(sifted.held.into_iter().map(wait_on).collect()).await;
        sifted.due
    }

    /// A confirmation may have got lost. An answer that does not come is none.
    async fn ask(&self, messages: impl Iterator<Item = &Message>) {
        let ids: Vec<String> = messages.map(|message| message.id.clone()).collect();
        for ids in ids.chunks(ASKED_IDS_MAX) {
            let note = AskedNote { ids: ids.to_vec() };
            if let Err(error) = self.forwarder.notes.tell(ASKED, note.encode()).await {
                debug!(error = error.chain(), "cannot ask the store");
            }
        }
    }

    /// Publishes a batch until all of it is on the bus. Repeats keep the order and their IDs: of a batch that failed in
    /// the middle, everything from the first failure on is published again, and what had arrived is a duplicate.
    async fn publish(&self, mut batch: Vec<Message>, stop: &CancellationToken) {
        let mut waits = Waits::default();
        while !batch.is_empty() {
            self.expect(&batch);
            let results = self.forwarder.bus.publish(batch.iter().map(outgoing).collect()).await;
            let mut published = 0;
            let mut failure = None;
            for (message, result) in batch.iter().zip(results) {
                match result {
                    Ok(_) => {}
                    Err(BusError::Refused(reason)) => self.put_aside(message, &reason).await,
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
                published += 1;
            }
            batch.drain(..published);
            self.forwarder.metrics.published.inc_by(published as u64);
            self.is_stuck.store(failure.is_some(), Ordering::Relaxed);
            match failure {
                None => self.forwarder.latch.holds(BUS),
                Some(error) => {
                    self.forwarder.latch.fails(BUS, error.chain());
                    if waits.pause(stop).await {
                        return;
                    }
                }
            }
        }
    }

    /// A message that the bus refuses for good is kept where an operator finds it. What cannot be put aside comes back.
    async fn put_aside(&self, message: &Message, reason: &str) {
        error!(message.id, reason, "the bus refuses a message for good; it is put aside");
        self.lock().forget(&message.id);
        match self.forwarder.log.put_aside(&message.id, &format!("the bus refuses it: {reason}")).await {
            Ok(_) => {
                self.settle(vec![Settlement { token: message.token.clone(), verdict: Verdict::Reject }]).await;
            }
            Err(error) => warn!(message.id, error = error.chain(), "cannot put a message aside, trying again later"),
        }
    }

    /// What cannot be settled comes back, which is harmless.
    async fn settle(&self, settlements: Vec<Settlement>) {
        if !settlements.is_empty()
            && let Err(error) = self.consumer.settle(settlements).await
        {
            warn!(error = error.chain(), "cannot settle messages of the log");
        }
    }

    /// Tells whether the bus can be reached, while there is nothing to carry over.
    async fn watch(&self, stop: &CancellationToken) {
        let mut waits = Waits::default();
        loop {
            let checked = self.forwarder.bus.check().await;
            let is_reachable = checked.is_ok();
            // A bus that answers and takes nothing is told by whoever publishes.
            if !self.is_stuck.load(Ordering::Relaxed) {
                match checked {
                    Ok(()) => self.forwarder.latch.holds(BUS),
                    Err(error) => self.forwarder.latch.fails(BUS, error.chain()),
                }
            }
            let stopped = if is_reachable {
                waits.reset();
                tokio::time::timeout(CHECK_CYCLE, stop.cancelled()).await.is_ok()
            } else {
                waits.pause(stop).await
            };
            if stopped {
                return;
            }
        }
    }

    fn expect(&self, batch: &[Message]) {
        {
            let mut awaited = self.lock();
            for message in batch {
                awaited.expect(message);
            }
        }
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

//! The way from an emitter to a bus that may be away: emitters publish to a durable log on their own machine, and a
//! [`Forwarder`] carries its messages over, in order, however long the bus cannot be reached. So reporting never waits
//! for the network, and nothing that was emitted is lost with the process.
//!
//! The log is a [`bus::Bus`] like the one it forwards to, so the single-process mode needs none of this: there the
//! local log *is* the bus, and nobody pays twice for the same durability.
//!
//! Relies on both buses, which are arguments. Deliberately knows no event.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, Consumer, ConsumerSpec, Message, Outgoing, Settlement, Verdict};
use service::readiness::Latch;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Its name in the readiness of its process.
pub const NAME: &str = "outbox";

/// The condition that it keeps.
pub const BUS: &str = "bus";

/// The forwarder's place in the local log.
const CONSUMER: &str = "forwarder";
/// Most messages carried over together.
const BATCH_MESSAGES_MAX: usize = 500;
/// How long one fetch waits for the first message.
const FETCH_WAIT: Duration = Duration::from_secs(5);
/// The forwarder keeps a batch until it is over, so this only counts when it hangs.
const ACK_WAIT: Duration = Duration::from_hours(1);

/// Carries messages from a local log to a bus.
pub struct Forwarder {
    pub log: Arc<dyn Bus>,
    pub bus: Arc<dyn Bus>,
    pub latch: Latch,
}

impl Forwarder {
    /// Until told to stop. What was not carried over stays in the log for the next start.
    ///
    /// # Errors
    /// What can never work: a log or a bus that is not set up as needed.
    pub async fn run(self, stop: CancellationToken) -> Result<(), BusError> {
        let spec = ConsumerSpec { name: CONSUMER, ack_wait: ACK_WAIT, unsettled_max: 2 * BATCH_MESSAGES_MAX };
        let consumer = self.log.consumer(&spec).await?;
        let mut waits = Waits::default();
        loop {
            let fetched = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                fetched = consumer.fetch(BATCH_MESSAGES_MAX, FETCH_WAIT) => fetched,
            };
            match fetched {
                Ok(batch) => self.carry_over(&*consumer, batch, &stop).await?,
                Err(error) if error.is_transient() => {
                    self.latch.fails(BUS, error.chain());
                    if waits.pause(&stop).await {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Publishes a batch until all of it is on the bus. Repeats keep the order and their IDs: of a batch that failed in
    /// the middle, everything from the first failure on is published again, and what had arrived is a duplicate.
    async fn carry_over(
        &self,
        consumer: &dyn Consumer,
        mut batch: Vec<Message>,
        stop: &CancellationToken,
    ) -> Result<(), BusError> {
        let mut waits = Waits::default();
        while !batch.is_empty() {
            let results = self.bus.publish(batch.iter().map(outgoing).collect()).await;
            let mut settled = Vec::new();
            let mut failure = None;
            for (message, result) in batch.iter().zip(results) {
                let verdict = match result {
                    Ok(_) => Verdict::Ack,
                    Err(BusError::Refused(reason)) => {
                        error!(message.id, reason, "the bus refuses a message for good; it is put aside");
                        Verdict::Reject
                    }
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                };
                settled.push(Settlement { token: message.token.clone(), verdict });
            }
            batch.drain(..settled.len());
            consumer.settle(settled).await?;
            match failure {
                None => self.latch.holds(BUS),
                Some(error) if error.is_transient() => {
                    self.latch.fails(BUS, error.chain());
                    if waits.pause(stop).await {
                        return Ok(());
                    }
                }
                Some(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Until told to stop, tells whether the bus can be reached while there is nothing to carry over.
    pub async fn watch(bus: Arc<dyn Bus>, latch: Latch, stop: CancellationToken) {
        let mut waits = Waits::default();
        loop {
            match bus.check().await {
                Ok(()) => {
                    latch.holds(BUS);
                    info!("the bus can be reached");
                    return;
                }
                Err(error) => latch.fails(BUS, error.chain()),
            }
            if waits.pause(&stop).await {
                return;
            }
        }
    }
}

fn outgoing(message: &Message) -> Outgoing {
    Outgoing { subject: message.subject.clone(), id: message.id.clone(), payload: message.payload.clone() }
}

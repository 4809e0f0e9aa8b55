//! From the bus into the table: fetch, accept, commit, and only then acknowledge.

use std::sync::Arc;
use std::time::Duration;

use bus::{
    AnalysisJob, Bus, BusError, Consumer, ConsumerSpec, Message, Notes, STORED, Settlement, StoredNote, Topic, Verdict,
};
use event::Clock;
use service::readiness::Latch;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

use crate::images::{Images, Job};
use crate::metrics::Metrics;
use crate::patience::{BUS, patiently};

/// The analyzers' place in the stream; every replica shares it.
const CONSUMER: &str = "analyzer";
const ACK_WAIT: Duration = Duration::from_secs(30);
const BATCH_JOBS_MAX: usize = 64;
/// How long one fetch waits for the first job, and so how long a stop waits.
const FETCH_WAIT: Duration = Duration::from_secs(1);
/// Images that may wait for a worker. Beyond that jobs stay on the bus, and nobody may queue by hand.
pub const QUEUED_MAX: u64 = 100_000;
/// How often a full queue is looked at.
const FULL_CYCLE: Duration = Duration::from_secs(5);

pub struct Intake {
    pub images: Images,
    pub bus: Arc<dyn Bus>,
    /// Where outboxes wait to hear what is safe.
    pub notes: Arc<dyn Notes>,
    pub clock: Arc<dyn Clock>,
    pub latch: Latch,
    pub metrics: Metrics,
    /// Wakes workers and the teller.
    pub news: Arc<Notify>,
}

impl Intake {
    /// Until told to stop.
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
            reads: Some(Topic::AnalysisJobs),
            ack_wait: ACK_WAIT,
            unsettled_max: 4 * BATCH_JOBS_MAX,
        };
        let consumer = match self.bus.consumer(&spec).await {
            Ok(consumer) => consumer,
            Err(error) => return Some(error),
        };
        self.latch.holds(BUS);
        while !stop.is_cancelled() {
            if self.is_full(stop).await {
                // Whether told to stop is asked at the top.
                let _ = tokio::time::timeout(FULL_CYCLE, stop.cancelled()).await;
                continue;
            }
            let messages = match consumer.fetch(BATCH_JOBS_MAX, FETCH_WAIT).await {
                Ok(messages) => messages,
                Err(error) => return Some(error),
            };
            self.latch.holds(BUS);
            waits.reset();
            for message in messages {
                if let Err(error) = self.take_in(&*consumer, message, stop).await {
                    return Some(error);
                }
            }
        }
        None
    }

    async fn is_full(&self, stop: &CancellationToken) -> bool {
        let queued = patiently(&self.latch, stop, || self.images.queued()).await;
        matches!(queued, Some(Ok(queued)) if queued >= QUEUED_MAX)
    }

    async fn take_in(
        &self,
        consumer: &dyn Consumer,
        message: Message,
        stop: &CancellationToken,
    ) -> Result<(), BusError> {
        let verdict = match read(&message) {
            Err(reason) => {
                // Nobody can be told but the operator: it does not say whose it is.
                error!(message.id = message.id, message.subject = message.subject, reason, "a message is no job");
                self.metrics.refused_jobs.inc();
                Verdict::Reject
            }
            Ok(job) => {
                let accepted = patiently(&self.latch, stop, || self.images.accept(&job, self.clock.now())).await;
                match accepted {
                    // Not acknowledged, it comes back at the next start.
                    None => return Ok(()),
                    Some(Ok(image)) => {
                        info!(image.id = %image, repository = %job.repository, "took a job in");
                        self.news.notify_waiters();
                        Verdict::Ack
                    }
                    Some(Err(error)) => {
                        error!(message.id = message.id, error = error.chain(), "the database refused a job");
                        Verdict::Retry { after: ACK_WAIT }
                    }
                }
            }
        };
        if !matches!(verdict, Verdict::Retry { .. }) {
            self.confirm(message.id).await;
        }
        consumer.settle(vec![Settlement { token: message.token, verdict }]).await
    }

    /// Tells what is committed. A note that is lost costs a repeat, so its failure is no news.
    async fn confirm(&self, id: String) {
        let note = StoredNote { stored_at: self.clock.now(), ids: vec![id] };
        if let Err(error) = self.notes.tell(STORED, note.encode()).await {
            debug!(error = error.chain(), "could not confirm a job");
        }
    }
}

fn read(message: &Message) -> Result<Job, String> {
    let job = AnalysisJob::decode(&message.payload).map_err(|error| error.to_string())?;
    Job::try_from(job).map_err(|error| error.to_string())
}

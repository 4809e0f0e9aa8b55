//! One worker: takes an image, analyses it, writes down what came of it; and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cause::{Cause, CauseCode};
use event::{Clock, EventId, Timestamp};
use oci_registry::{Digest, FetchedManifest, ManifestReference, Repository, Session};
use service::readiness::Latch;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};

use crate::failure::{AnalysisFailure, FailedStep};
use crate::images::{Claim, Claimed, Images, Summary, Verdict};
use crate::metrics::{AnalysisResult, Metrics};
use crate::patience::patiently;
use crate::registries::Registries;
use crate::{Bounds, PlatformChoice, analysis};

/// How often an idle worker looks for images that nobody has announced: those that are due again, and those of a worker
/// that has died.
const CYCLE: Duration = Duration::from_secs(2);
/// Parts of its time after which a lease is renewed: two renewals may fail.
const RENEWALS_PER_LEASE: u32 = 3;

/// What all workers share.
#[derive(Clone)]
pub struct Worker {
    pub images: Images,
    pub registries: Arc<Registries>,
    pub platform: PlatformChoice,
    pub bounds: Bounds,
    pub lease: Duration,
    pub clock: Arc<dyn Clock>,
    pub latch: Latch,
    pub metrics: Metrics,
    pub news: Arc<Notify>,
}

/// How the work on an image ended.
enum Ending {
    Verdict(Verdict),
    /// It belongs to another image, or to another worker by now.
    Gone,
    /// Told to stop.
    Stopped,
    /// The database refused a step; another try may go through, as where two workers met.
    Refused,
    /// The registry wants to be left alone until then.
    HeldBack(Timestamp),
}

impl Worker {
    /// Until told to stop; what is in work then is given back.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let news = self.news.notified();
            let claimed = patiently(&self.latch, &stop, || self.images.claim(self.lease, self.clock.now())).await;
            match claimed {
                Some(Ok(Claimed::Image(claim))) => {
                    let span = info_span!("analysis", image.id = %claim.image.id, repository = %claim.image.repository);
                    self.work(*claim, &stop).instrument(span).await;
                }
                Some(Ok(Claimed::PutAside)) => {
                    self.metrics.count(AnalysisResult::PutAside);
                    self.news.notify_waiters();
                }
                Some(Ok(Claimed::Nothing)) => {
                    tokio::select! {
                        () = news => {}
                        () = tokio::time::sleep(CYCLE) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Some(Err(error)) => {
                    error!(error = error.chain(), "cannot take an image");
                    let _ = tokio::time::timeout(CYCLE, stop.cancelled()).await;
                }
                None => {}
            }
        }
    }

    async fn work(&self, claim: Claim, stop: &CancellationToken) {
        let begun = Instant::now();
        info!(attempt = claim.image.attempts, "analysing an image");
        let mut claim = claim;
        let ending = self.analyse(&mut claim, begun, stop).await;
        self.metrics.seconds.observe(begun.elapsed().as_secs_f64());
        let verdict = match ending {
            Ending::Gone => return,
            Ending::Stopped => {
                self.give_back(&claim, self.clock.now()).await;
                return;
            }
            Ending::HeldBack(until) => {
                info!(%until, "the registry wants no request before this time");
                self.metrics.count(AnalysisResult::HeldBack);
                self.give_back(&claim, until).await;
                return;
            }
            Ending::Refused => {
                self.give_back(&claim, self.clock.now()).await;
                // So that a refusal that lasts is not met in a hurry.
                let _ = tokio::time::timeout(CYCLE, stop.cancelled()).await;
                return;
            }
            Ending::Verdict(verdict) => verdict,
        };
        self.report(&verdict);
        self.conclude(&claim, &verdict, stop).await;
        self.news.notify_waiters();
    }

    /// One attempt, since a stop may have come already; else the lease runs out.
    async fn give_back(&self, claim: &Claim, due_at: Timestamp) {
        if let Err(error) = self.images.release(claim, due_at, self.clock.now()).await {
            warn!(error = error.chain(), "cannot give an image back; it is taken over later");
        }
        self.news.notify_waiters();
    }

    fn report(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Analyzed(summary) => {
                self.metrics.count(AnalysisResult::Analyzed);
                self.metrics.bytes.inc_by(summary.compressed_bytes);
                let packages: usize = summary.packages.values().sum();
                let unknowns = summary.unknowns.len() + summary.unknowns_omitted;
                info!(packages, unknowns, duration_ms = summary.duration_ms, "analysed an image");
            }
            Verdict::Failed(failure) => {
                let cause = &failure.cause;
                self.metrics.count(AnalysisResult::Failed(cause.code()));
                warn!(cause.code = %cause.code(), "cannot analyse an image: {}. {}", cause.summary(), cause.hint());
            }
        }
    }

    /// However long the database is away: the work was done, and another worker that takes it over meanwhile only
    /// repeats it.
    async fn conclude(&self, claim: &Claim, verdict: &Verdict, stop: &CancellationToken) {
        let written = patiently(&self.latch, stop, || self.images.conclude(claim, verdict, self.clock.now()));
        match written.await {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => warn!("another worker has taken the image over; its word counts"),
            Some(Err(error)) => error!(error = error.chain(), "the database refused what came of an analysis"),
        }
    }

    /// Works, and renews the lease meanwhile. `claim` knows the digest afterwards.
    async fn analyse(&self, claim: &mut Claim, begun: Instant, stop: &CancellationToken) -> Ending {
        let (id, lease) = (claim.image.id, claim.lease());
        let (done, lost) = (CancellationToken::new(), CancellationToken::new());
        let work = async {
            let attempt = tokio::time::timeout(self.bounds.timeout, self.attempt(claim, begun));
            let ending = tokio::select! {
                ended = attempt => ended.unwrap_or_else(|_| Ending::Verdict(self.took_too_long())),
                () = lost.cancelled() => Ending::Gone,
                () = stop.cancelled() => Ending::Stopped,
            };
            done.cancel();
            ending
        };
        let (ending, ()) = tokio::join!(work, self.keep(id, lease, &done, &lost));
        ending
    }

    /// Renews the lease until the work is done, or until it is lost, which is said. A renewal is not broken off.
    async fn keep(&self, id: EventId, lease: EventId, done: &CancellationToken, lost: &CancellationToken) {
        let cycle = self.lease / RENEWALS_PER_LEASE;
        while tokio::time::timeout(cycle, done.cancelled()).await.is_err() {
            match self.images.renew(id, lease, self.lease, self.clock.now()).await {
                Ok(true) => {}
                Ok(false) => {
                    warn!("another worker has taken the image over");
                    lost.cancel();
                    return;
                }
                // Whoever takes it over has a lease of their own, which is seen at the end.
                Err(error) => warn!(error = error.chain(), "cannot renew a lease; trying again"),
            }
        }
    }

    async fn attempt(&self, claim: &mut Claim, begun: Instant) -> Ending {
        let failed = |failure: AnalysisFailure| match failure.retry_at {
            Some(until) if failure.is_held_back => Ending::HeldBack(until),
            _ => Ending::Verdict(Verdict::Failed(Box::new(failure))),
        };
        let image = &claim.image;
        let repository = Repository { name: image.repository.clone(), insecure: image.insecure };
        let mut session = match self.registries.session(repository) {
            Ok(session) => session,
            Err(error) => {
                let hint = "The CA certificates of this machine, or of the registry's `ca_file`, cannot be used: see \
                            the log.";
                let cause = Cause::new(CauseCode::Tls, error.to_string(), hint);
                return failed(AnalysisFailure::new(FailedStep::Pull, cause));
            }
        };
        let by_tag = image.tags.first().cloned().map(ManifestReference::Tag);
        let reference = image.digest.clone().map(ManifestReference::Digest).or(by_tag);
        let Some(reference) = reference else {
            let summary = "the image has neither a tag nor a digest";
            let cause = Cause::new(CauseCode::NotFound, summary, "Ask for it again: `anchore-cli image add`.");
            return failed(AnalysisFailure::new(FailedStep::Pull, cause));
        };
        let fetched = match analysis::resolve(&mut session, &reference).await {
            Ok(fetched) => fetched,
            Err(failure) => return failed(failure),
        };
        if claim.image.digest.is_none()
            && let Some(ending) = self.identify(claim, &fetched.digest).await
        {
            return ending;
        }
        match self.read(&mut session, fetched, begun).await {
            Ok(summary) => Ending::Verdict(Verdict::Analyzed(Box::new(summary))),
            Err(failure) => failed(failure),
        }
    }

    /// `None` where there is still something to do.
    async fn identify(&self, claim: &mut Claim, digest: &Digest) -> Option<Ending> {
        match self.images.identify(claim, digest, self.clock.now()).await {
            Ok(Some(image)) => {
                claim.image = image;
                None
            }
            Ok(None) => {
                info!(digest = %digest, "the image is known by its digest");
                self.news.notify_waiters();
                Some(Ending::Gone)
            }
            Err(error) => {
                warn!(error = error.chain(), "cannot note the digest of an image; it is taken up again");
                Some(Ending::Refused)
            }
        }
    }

    async fn read(
        &self,
        session: &mut Session,
        fetched: FetchedManifest,
        begun: Instant,
    ) -> Result<Summary, AnalysisFailure> {
        let analysis = analysis::analyse(session, fetched, &self.platform, &self.bounds).await?;
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Summary::of(&analysis, duration_ms))
    }

    fn took_too_long(&self) -> Verdict {
        let summary = format!("the image was not read within {:?}", self.bounds.timeout);
        let hint = "Check whether the registry or the network is slow; if the image is only large, raise \
                    services.analyzer.timeout.";
        let cause = Cause::new(CauseCode::Timeout, summary, hint);
        Verdict::Failed(Box::new(AnalysisFailure::new(FailedStep::Pull, cause)))
    }
}

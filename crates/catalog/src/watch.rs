//! The watch over one repository: a listing every cycle, and what its outcome means to people.

use std::sync::Arc;
use std::time::Duration;

use cause::Cause;
use emitter::{Emitter, Notice};
use event::{AccountName, Clock};
use oci_registry::{Listing, RegistryFailure, Session, list};
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::metrics::{ListingResult, Metrics};
use crate::recurrence::{Recurrence, Signature, Success};
use crate::status::{LastCause, StatusBoard};

/// What all watches share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) emitter: Emitter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) board: StatusBoard,
    pub(crate) turns: Arc<Semaphore>,
}

pub(crate) struct Watch {
    pub(crate) session: Session,
    /// Who owns the events about the repository.
    pub(crate) account: AccountName,
    /// Of the repository on the status board.
    pub(crate) index: usize,
    pub(crate) recurrence: Recurrence,
    pub(crate) surroundings: Surroundings,
}

/// What came of one turn.
enum Outcome {
    Listed(Listing),
    HeldBack,
    Failed(RegistryFailure),
}

impl Watch {
    /// Lists every `interval`, for the first time after `delay`. Cycles of one repository never overlap: a listing that
    /// takes longer than the interval delays the next one. A listing is given up at once when `stop` says so; an event
    /// that is being emitted is not.
    pub(crate) async fn run(mut self, delay: Duration, interval: Duration, stop: CancellationToken) {
        let mut cycle = tokio::time::interval_at(Instant::now() + delay, interval);
        cycle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = async {
                cycle.tick().await;
                self.take_turn().await
            };
            let Some(outcome) = stop.run_until_cancelled(turn).await else { return };
            self.conclude(outcome).await;
        }
    }

    async fn take_turn(&mut self) -> Outcome {
        let registry = Arc::clone(&self.session.registry);
        // The registry's turn comes first: waiting for it must not use up a turn that another registry could have.
        let _turn_there = registry.turns.acquire().await.expect("nobody closes the semaphore");
        let _turn_here = self.surroundings.turns.acquire().await.expect("nobody closes the semaphore");
        if let Some(until) = registry.held_until() {
            debug!(registry = %registry.name, until = %until, "the registry wants no request before this time");
            return Outcome::HeldBack;
        }
        match list(&mut self.session).await {
            Ok(listing) => Outcome::Listed(listing),
            Err(failure) if failure.is_held_back => Outcome::HeldBack,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn conclude(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::HeldBack => self.surroundings.metrics.count(ListingResult::HeldBack),
            Outcome::Listed(listing) => self.succeeded(&listing),
            Outcome::Failed(failure) => self.failed(failure).await,
        }
    }

    fn succeeded(&mut self, listing: &Listing) {
        self.surroundings.metrics.count(ListingResult::Listed);
        self.surroundings.board.succeeded(self.index, self.surroundings.clock.now(), listing.tags.len());
        let repository = &self.session.repository.name;
        let (tags, pages) = (listing.tags.len(), listing.pages);
        match self.recurrence.succeeded() {
            Success::First => info!(%repository, tags, pages, "repository reachable, {tags} tags"),
            Success::Again(failing) => info!(
                %repository, tags, pages, since = %failing.since, failures = failing.failures,
                "repository reachable again, {tags} tags"
            ),
            Success::Still => debug!(%repository, tags, pages, "listed the tags of a repository"),
        }
    }

    async fn failed(&mut self, failure: RegistryFailure) {
        let RegistryFailure { cause, http_status, .. } = failure;
        let now = self.surroundings.clock.now();
        let code = cause.code();
        self.surroundings.metrics.count(ListingResult::Failed(code));
        let (failing, is_news) = self.recurrence.failed(Signature { code, http_status }, now);
        let (since, failures) = (failing.since, failing.failures);
        self.surroundings.board.failed(self.index, LastCause { code, summary: cause.summary(), since, failures });
        let repository = &self.session.repository.name;
        if !is_news {
            debug!(%repository, cause.code = %code, %since, failures, "a repository still cannot be listed");
            return;
        }
        warn!(
            %repository, cause.code = %code, http_status, %since, failures,
            "cannot list the tags of a repository: {} {}", cause.summary(), cause.hint()
        );
        let cause = cause.with_evidence("failing_since", since.to_string()).with_evidence("failures", failures);
        if self.emit(cause).await {
            self.recurrence.reported(now);
        }
    }

    /// Whether the event is durable. Reporting must not break the work: an event that could not be emitted is logged,
    /// and reported again by the next cycle.
    async fn emit(&self, cause: Cause) -> bool {
        let repository = &self.session.repository.name;
        let notice = Notice {
            kind: event::lookup("list_tags_fail").expect("the catalogue of events has it"),
            account: self.account.clone(),
            resource_id: Some(repository.to_string()),
            details: cause.into_details(),
        };
        let emitted = self.surroundings.emitter.emit(notice).await;
        if let Err(error) = &emitted {
            error!(%repository, error = error.chain(), "cannot report that a repository fails");
        }
        emitted.is_ok()
    }
}

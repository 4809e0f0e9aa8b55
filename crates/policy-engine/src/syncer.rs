//! Carries runs out: what begins, in which order, and what is told about it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cause::{Cause, CauseCode};
use event::{Clock, Timestamp};
use service::readiness::Latch;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use crate::config::Config;
use crate::group_sync::{GroupSync, NotSynced, Synced};
use crate::ledger::{Begun, Busy, GroupChange, Ledger, LedgerError, RUN_RENEWED_EVERY};
use crate::metrics::{GroupResult, Metrics};
use crate::policy_engine::DATABASE;
use crate::progress::{Board, RunProgress, Summary};
use crate::recurrence::Failing;
use crate::refusal::SyncFailure;
use crate::scope::Scope;
use crate::source::Source;
use crate::state::{GroupState, Outcome, SyncResult};
use crate::telling::{self, GroupEnd};
use crate::{FeedName, GroupName};

/// What every run of this process works with.
pub(crate) struct Syncer {
    pub(crate) config: Config,
    pub(crate) sources: BTreeMap<FeedName, Source>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) board: Board,
    pub(crate) latch: Latch,
    /// Where downloads lie while they are read.
    pub(crate) spool_directory: PathBuf,
    /// Wakes the teller.
    pub(crate) told: Arc<Notify>,
}

/// A run that holds its feeds.
pub(crate) struct Run {
    pub(crate) id: Uuid,
    scope: Scope,
    began_at: Timestamp,
    pub(crate) progress: RunProgress,
}

/// Why a run did not begin.
#[derive(Debug)]
pub(crate) enum NotBegun {
    /// Another run has these feeds.
    Busy(Vec<Busy>),
    Ledger(LedgerError),
}

/// Why a run ended in the middle.
enum BrokenOff {
    /// The process was told to stop.
    Stopped,
    /// Another replica has taken it for dead, or the database refuses what never passes.
    Given(LedgerError),
}

impl From<LedgerError> for BrokenOff {
    fn from(error: LedgerError) -> Self {
        Self::Given(error)
    }
}

impl Syncer {
    /// Takes the feeds of `scope` and tells that a run has begun. With `all_or_none` it begins only with all of them,
    /// otherwise with those that nobody else has.
    pub(crate) async fn begin(&self, mut scope: Scope, all_or_none: bool) -> Result<Run, NotBegun> {
        let began_at = self.clock.now();
        // What has died is told before what begins.
        self.ledger.bury_dead(began_at).await.map_err(NotBegun::Ledger)?;
        let id = Uuid::now_v7();
        let report = telling::run_started(&scope, began_at);
        let taken = self.ledger.begin_run(id, &scope.feed_names(), all_or_none, &report, began_at).await;
        let taken = taken.map_err(NotBegun::Ledger)?;
        if taken.feeds.is_empty() {
            return Err(NotBegun::Busy(taken.busy));
        }
        for Busy { feed, host, since } in &taken.busy {
            info!(feed, host, %since, "another sync of the feed is under way");
        }
        scope.retain(&taken.feeds);
        self.told.notify_one();
        let progress = RunProgress::new(scope.group_ids());
        self.board.add(progress.follow());
        info!(run.id = %id, feeds = scope.feeds.len(), "syncing {} feeds", scope.feeds.len());
        Ok(Run { id, scope, began_at, progress })
    }

    /// Syncs what the run has taken, until it is done or `stop` says so; then what it has begun is told to have failed.
    pub(crate) async fn carry_out(&self, run: Run, stop: CancellationToken) {
        let work = async {
            let mut ends = Vec::new();
            for (feed, groups) in &run.scope.feeds {
                ends.extend(self.sync_feed(&run, feed, groups, &stop).await?);
            }
            let now = self.clock.now();
            let report = telling::run_ended(&run.scope, &ends, run.began_at, now);
            self.patiently(&stop, || self.ledger.end_run(run.id, &report, now)).await?;
            Ok(ends)
        };
        let ended = tokio::select! {
            ended = work => ended,
            error = self.keep_alive(&run) => Err(BrokenOff::Given(error)),
            () = stop.cancelled() => Err(BrokenOff::Stopped),
        };
        let mut summary = Summary { synced: 0, failed: run.scope.group_ids().len() as u64 };
        match ended {
            Ok(ends) => {
                summary.failed = ends.iter().filter(|end| end.is_failure()).count() as u64;
                summary.synced = ends.len() as u64 - summary.failed;
                let Summary { synced, failed } = summary;
                info!(run.id = %run.id, synced, failed, "synced {synced} groups, {failed} failed");
            }
            Err(BrokenOff::Stopped) => self.break_off(&run).await,
            Err(BrokenOff::Given(error)) => {
                error!(run.id = %run.id, error = error.chain(), "a sync was given up; it is told to have failed once it is taken for dead");
            }
        }
        self.told.notify_one();
        run.progress.ended(summary);
    }

    async fn sync_feed(
        &self,
        run: &Run,
        feed: &FeedName,
        groups: &[GroupName],
        stop: &CancellationToken,
    ) -> Result<Vec<GroupEnd>, BrokenOff> {
        let Some(source) = self.sources.get(feed) else { return Ok(Vec::new()) };
        let ids: Vec<_> = source.feed.group_ids().filter(|id| groups.contains(&id.group)).collect();
        let states = self.patiently(stop, || self.ledger.groups(&ids)).await?;
        let began_at = self.clock.now();
        let is_quiet = states.iter().all(|state| self.is_quiet(state, began_at));
        let started = telling::feed_started(feed.as_str(), began_at);
        if !is_quiet {
            let begun = Begun::Feed(feed.as_str());
            self.patiently(stop, || self.ledger.begin_part(run.id, begun, &started, began_at)).await?;
            self.told.notify_one();
        }
        let mut ends = Vec::new();
        for state in states {
            ends.push(self.sync_group(run, source, &state, stop).await?);
        }
        let now = self.clock.now();
        let ended = telling::feed_ended(feed.as_str(), &ends, began_at, now);
        let reports = match (is_quiet, ends.iter().any(|end| end.was_told)) {
            (false, _) => vec![ended],
            (true, true) => vec![started, ended],
            (true, false) => Vec::new(),
        };
        self.patiently(stop, || self.ledger.end_feed(run.id, feed.as_str(), &reports, now)).await?;
        self.told.notify_one();
        Ok(ends)
    }

    async fn sync_group(
        &self,
        run: &Run,
        source: &Source,
        before: &GroupState,
        stop: &CancellationToken,
    ) -> Result<GroupEnd, BrokenOff> {
        let began_at = self.clock.now();
        let is_quiet = self.is_quiet(before, began_at);
        let started = telling::group_started(before, began_at);
        if !is_quiet {
            let name = before.id.to_string();
            let begun = Begun::Group(&name);
            self.patiently(stop, || self.ledger.begin_part(run.id, begun, &started, began_at)).await?;
            self.told.notify_one();
        }
        let progress = run.progress.group(&before.id);
        let accept_drop = run.scope.accept_drop;
        let sync = GroupSync { syncer: self, source, before, progress: &progress, accept_drop };
        let worked = sync.work().await;
        let downloaded_bytes = progress.downloaded_bytes();
        let now = self.clock.now();
        let conclusion = match worked {
            Ok(synced) => self.succeeded(before, synced, (began_at, now), downloaded_bytes),
            Err(NotSynced::Failed(failure)) => {
                let failure = SyncFailure { cause: source.cleaned(failure.cause), ..failure };
                self.failed(before, &failure, (began_at, now), downloaded_bytes)
            }
            Err(NotSynced::Lost) => return Err(LedgerError::Lost.into()),
        };
        let Conclusion { change, mut reports, end } = conclusion;
        if is_quiet && end.was_told {
            reports.insert(0, started);
        }
        let conclude = || self.ledger.conclude_group(run.id, before, &change, &reports, now);
        self.patiently(stop, conclude).await?;
        self.told.notify_one();
        progress.ended();
        self.count(before, &end);
        if let Some(state) = &change.state
            && let Err(error) = self.ledger.sweep(before.key, Some(state.generation)).await
        {
            // They are swept by the next sync.
            debug!(group = %before.id, error = error.chain(), "cannot delete records that are not in effect any more");
        }
        Ok(end)
    }

    fn succeeded(
        &self,
        before: &GroupState,
        synced: Synced,
        (began_at, now): (Timestamp, Timestamp),
        downloaded_bytes: u64,
    ) -> Conclusion {
        let outcome = if synced.state.is_change { Outcome::Updated } else { Outcome::Unchanged };
        let counts = Some(synced.counts).filter(|_| outcome == Outcome::Updated);
        let result = SyncResult::new(outcome, began_at, now, downloaded_bytes, counts);
        let report = telling::group_completed(before, &synced, &result, now);
        let records = synced.state.records;
        if let Some(failing) = &before.failing {
            let (since, failures) = (failing.since(), failing.failures);
            info!(group = %before.id, records, %since, failures, "a group can be synced again");
        } else {
            info!(group = %before.id, records, ?outcome, "synced a group");
        }
        let end = GroupEnd {
            name: before.id.to_string(),
            result: result.clone(),
            records,
            failing: None,
            synced_at: Some(now),
            was_told: true,
        };
        let next_at = outbound::later(now, self.config.feed_sync);
        let change = GroupChange { result, next_at, failing: None, state: Some(synced.state) };
        Conclusion { change, reports: vec![report], end }
    }

    fn failed(
        &self,
        before: &GroupState,
        failure: &SyncFailure,
        (began_at, now): (Timestamp, Timestamp),
        downloaded_bytes: u64,
    ) -> Conclusion {
        let result = SyncResult::new(Outcome::Failed, began_at, now, downloaded_bytes, None);
        let mut failing = Failing::after(before.failing.as_ref(), failure, now);
        let is_news = failing.is_news(self.config.reminder_interval, now);
        let (code, since, failures) = (failure.cause.code(), failing.since(), failing.failures);
        let mut reports = Vec::new();
        if is_news {
            warn!(
                group = %before.id, cause.code = %code, http_status = failure.http_status, %since, failures,
                "cannot sync a group: {} {}", failure.cause.summary(), failure.cause.hint()
            );
            reports.push(telling::group_failed(before, failure, &failing, now));
            failing.reported(now);
        } else {
            debug!(group = %before.id, cause.code = %code, %since, failures, "a group still cannot be synced");
        }
        let end = GroupEnd {
            name: before.id.to_string(),
            result: result.clone(),
            records: before.records,
            failing: Some(failing.clone()),
            synced_at: before.synced_at,
            was_told: is_news,
        };
        let next_at = failing.next_at(failure, self.config.feed_sync, now);
        Conclusion { change: GroupChange { result, next_at, failing: Some(failing), state: None }, reports, end }
    }

    fn count(&self, before: &GroupState, end: &GroupEnd) {
        let result = match (&end.failing, end.result.outcome) {
            (Some(failing), _) => GroupResult::Failed(failing.cause_code()),
            (None, Outcome::Unchanged) => GroupResult::Unchanged,
            (None, _) => GroupResult::Updated,
        };
        self.metrics.count(result, end.result.downloaded_bytes, end.result.counts.unwrap_or_default());
        self.metrics.show(&before.id, end.records, end.synced_at);
    }

    /// Whether a group goes on failing as was told before: then its turn is no news, unless it ends in another way.
    fn is_quiet(&self, state: &GroupState, now: Timestamp) -> bool {
        state.failing.as_ref().is_some_and(|failing| !failing.is_news(self.config.reminder_interval, now))
    }

    /// Says again and again that the run lives. Returns when that is not so.
    async fn keep_alive(&self, run: &Run) -> LedgerError {
        loop {
            tokio::time::sleep(RUN_RENEWED_EVERY).await;
            match self.ledger.renew(run.id, self.clock.now()).await {
                Err(error) if error.is_transient() => self.latch.fails(DATABASE, error.chain()),
                Err(error) => return error,
                Ok(()) => {}
            }
        }
    }

    async fn break_off(&self, run: &Run) {
        info!(run.id = %run.id, "told to stop: the sync is broken off");
        let hint = "The groups keep the state that they had, and are synced when the process runs again.";
        let cause = Cause::new(CauseCode::Interrupted, "the process was told to stop in the middle of the sync", hint);
        if let Err(error) = self.ledger.break_off(run.id, &cause, self.clock.now()).await {
            // It is told when the process runs again.
            warn!(run.id = %run.id, error = error.chain(), "cannot note that a sync was broken off");
        }
    }

    /// Tries until the database is there: what is done must be noted, however long that takes.
    async fn patiently<T, F>(&self, stop: &CancellationToken, attempt: impl Fn() -> F) -> Result<T, BrokenOff>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let mut waits = Waits::default();
        loop {
            match attempt().await {
                Err(error) if error.is_transient() => {
                    self.latch.fails(DATABASE, error.chain());
                    if waits.pause(stop).await {
                        return Err(BrokenOff::Stopped);
                    }
                }
                said => {
                    self.latch.holds(DATABASE);
                    return said.map_err(BrokenOff::from);
                }
            }
        }
    }
}

/// How the turn of a group ends.
struct Conclusion {
    change: GroupChange,
    reports: Vec<crate::ledger::Report>,
    end: GroupEnd,
}

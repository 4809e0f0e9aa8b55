//! The turns of the feeds and groups of a run: what is told of each, and when.
//!
//! A group that goes on failing as was told before says nothing about its turn, neither that it began nor that it failed;
//! when it ends in another way, both are told.

use event::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{BrokenOff, Run, Syncer};
use crate::group_sync::{GroupSync, NotSynced, Synced};
use crate::ledger::{Begun, GroupChange, LedgerError, Report};
use crate::metrics::GroupResult;
use crate::recurrence::Failing;
use crate::refusal::SyncFailure;
use crate::source::Source;
use crate::state::{GroupState, Outcome, SyncResult};
use crate::telling::{self, GroupEnd};
use crate::{FeedName, GroupName};

/// How the turn of a group ends.
struct Conclusion {
    change: GroupChange,
    reports: Vec<Report>,
    end: GroupEnd,
}

impl Syncer {
    /// Syncs groups of a feed, one after the other, and gives the feed back.
    pub(super) async fn sync_feed(
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

    /// Syncs a group: whatever comes of it is noted together with what is told about it.
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
        let next_at = now.plus(self.config.feed_sync);
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
                "cannot sync a group: {}. {}", failure.cause.summary(), failure.cause.hint()
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
}

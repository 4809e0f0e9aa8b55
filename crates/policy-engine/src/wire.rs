//! Groups in the language of `policy_engine.v1`.

use proto::policy_engine::v1;
use proto::timestamp_to_proto;

use crate::progress::{GroupView, Phase};
use crate::state::{GroupState, Outcome, SyncResult};

/// `view`: how far it has come, while it is being synced.
pub(crate) fn group(state: &GroupState, view: Option<&GroupView>, is_stale: bool) -> v1::FeedGroup {
    v1::FeedGroup {
        feed: state.id.feed.to_string(),
        name: state.id.group.to_string(),
        records: state.synced_at.map(|_| number(state.records)),
        synced_at: state.synced_at.map(timestamp_to_proto),
        changed_at: state.changed_at.map(timestamp_to_proto),
        last_result: state.last_result.as_ref().map(|result| self::result(result, state)),
        is_stale,
        next_sync_at: state.next_at.map(timestamp_to_proto),
        progress: view.map(progress),
    }
}

fn result(result: &SyncResult, state: &GroupState) -> v1::SyncResult {
    let outcome = match result.outcome {
        Outcome::Updated => v1::Outcome::Updated,
        Outcome::Unchanged => v1::Outcome::Unchanged,
        Outcome::Failed => v1::Outcome::Failed,
    };
    let duration = result.duration();
    v1::SyncResult {
        outcome: outcome.into(),
        ended_at: Some(timestamp_to_proto(result.ended_at())),
        duration: Some(prost_types::Duration {
            seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
        }),
        downloaded_bytes: number(result.downloaded_bytes),
        counts: result.counts.map(|counts| v1::RecordCounts {
            added: number(counts.added),
            changed: number(counts.changed),
            withdrawn: number(counts.withdrawn),
            skipped: number(counts.skipped),
        }),
        cause: state.failing.as_ref().map(|failing| v1::FailureCause {
            code: failing.code.clone(),
            summary: failing.summary.clone(),
            hint: failing.hint.clone(),
            since: Some(timestamp_to_proto(failing.since())),
            failures: number(failing.failures),
        }),
    }
}

fn progress(view: &GroupView) -> v1::SyncProgress {
    let phase = match view.phase {
        Phase::Waiting => v1::sync_progress::Phase::Waiting,
        Phase::Downloading => v1::sync_progress::Phase::Downloading,
        Phase::Reading | Phase::Ended => v1::sync_progress::Phase::Reading,
    };
    v1::SyncProgress {
        phase: phase.into(),
        downloaded_bytes: number(view.downloaded_bytes),
        announced_bytes: view.announced_bytes.map(number),
        records: number(view.records),
    }
}

/// A count; there are fewer than 2^63 of anything.
pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

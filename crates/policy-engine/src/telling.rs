//! What the events of a sync say (contract section 2). Which of them are told is decided elsewhere.

use cause::{Cause, CauseCode};
use event::{Details, Timestamp};
use serde_json::{Map, Value, json};

use crate::group_sync::{By, Synced};
use crate::ledger::Report;
use crate::recurrence::Failing;
use crate::refusal::SyncFailure;
use crate::scope::Scope;
use crate::state::{GroupState, Outcome, SyncResult, age_text};

/// Most groups that an event about several names one by one.
const GROUPS_NAMED_MAX: usize = 100;

/// A group after its turn, as the events about its feed and its run show it.
#[derive(Debug, Clone)]
pub(crate) struct GroupEnd {
    /// `feed/group`.
    pub(crate) name: String,
    pub(crate) result: SyncResult,
    /// Records in effect now.
    pub(crate) records: u64,
    /// Of a failure.
    pub(crate) failing: Option<Failing>,
    /// When the state in effect was last known to be the feed's.
    pub(crate) synced_at: Option<Timestamp>,
    /// Whether there was an event about it.
    pub(crate) was_told: bool,
}

impl GroupEnd {
    pub(crate) fn is_failure(&self) -> bool {
        self.failing.is_some()
    }

    fn details(&self) -> Value {
        let mut details = Map::new();
        details.insert("group".to_owned(), json!(self.name));
        details.insert("outcome".to_owned(), json!(self.result.outcome));
        details.insert("records".to_owned(), json!(self.records));
        if let Some(counts) = self.result.counts {
            details.insert("added".to_owned(), json!(counts.added));
            details.insert("changed".to_owned(), json!(counts.changed));
            details.insert("withdrawn".to_owned(), json!(counts.withdrawn));
            details.insert("skipped".to_owned(), json!(counts.skipped));
        }
        if let Some(failing) = &self.failing {
            details.insert("code".to_owned(), json!(failing.code));
            details.insert("msg".to_owned(), json!(failing.summary));
            details.insert("failing_since".to_owned(), json!(failing.since().to_string()));
            details.insert("failures".to_owned(), json!(failing.failures));
            details.insert("synced_at".to_owned(), json!(self.synced_at.map(|at| at.to_string())));
        }
        Value::Object(details)
    }
}

pub(crate) fn run_started(scope: &Scope, now: Timestamp) -> Report {
    let details = Details::from_value(&json!({ "sync_feed_types": scope.sync_feed_types() }));
    Report::new("feed_sync_start", None, details, now)
}

/// A run in which something was synced is complete, and says if something was not: that has its own event. A run that
/// has synced nothing has failed.
pub(crate) fn run_ended(scope: &Scope, ends: &[GroupEnd], began_at: Timestamp, now: Timestamp) -> Report {
    let members = [("sync_feed_types".to_owned(), scope.sync_feed_types())];
    ended("feed_sync_complete", "feed_sync_fail", None, members, ends, (began_at, now))
}

pub(crate) fn feed_started(feed: &str, now: Timestamp) -> Report {
    Report::new("system.feeds.sync.feed_started", Some(feed.to_owned()), Details::default(), now)
}

/// As with a run.
pub(crate) fn feed_ended(feed: &str, ends: &[GroupEnd], began_at: Timestamp, now: Timestamp) -> Report {
    let (completed, failed) = ("system.feeds.sync.feed_completed", "system.feeds.sync.feed_failed");
    ended(completed, failed, Some(feed.to_owned()), [], ends, (began_at, now))
}

pub(crate) fn group_started(group: &GroupState, now: Timestamp) -> Report {
    Report::new("system.feeds.sync.group_started", Some(group.id.to_string()), Details::default(), now)
}

pub(crate) fn group_completed(group: &GroupState, synced: &Synced, result: &SyncResult, now: Timestamp) -> Report {
    let counts = synced.counts;
    let by = match synced.by {
        By::Condition => "condition",
        By::Changes => "changes",
        By::Whole => "whole",
    };
    let mut members = json!({
        "outcome": result.outcome,
        "records": synced.state.records,
        "added": counts.added,
        "changed": counts.changed,
        "withdrawn": counts.withdrawn,
        "skipped": counts.skipped,
        "compared_by": by,
        "downloaded_bytes": result.downloaded_bytes,
        "duration_ms": u64::try_from(result.duration().as_millis()).unwrap_or(u64::MAX),
    });
    if !synced.skipped.is_empty() {
        members["skipped_first"] = json!(synced.skipped);
    }
    let details = Details::from_value(&json!({ "result": members }));
    Report::new("system.feeds.sync.group_completed", Some(group.id.to_string()), details, now)
}

pub(crate) fn group_failed(group: &GroupState, failure: &SyncFailure, failing: &Failing, now: Timestamp) -> Report {
    let event_type =
        if failure.is_drop { "system.feeds.sync.group_drop_refused" } else { "system.feeds.sync.group_failed" };
    let cause = with_kept_state(failure.cause.clone(), group, now)
        .with_evidence("failing_since", failing.since().to_string())
        .with_evidence("failures", failing.failures);
    Report::new(event_type, Some(group.id.to_string()), cause.into_details(), now)
}

pub(crate) fn group_stale(group: &GroupState, limit: &str, now: Timestamp) -> Report {
    let age = age_text(group.age(now));
    let summary = match group.synced_at {
        Some(at) => format!("the state of the group is {age} old, of {at}; the limit is {limit}"),
        None => format!("the group has been configured for {age}, and no sync has worked yet; the limit is {limit}"),
    };
    let cause = if let Some(failing) = &group.failing {
        let summary = format!("{summary}. The last sync: {}", failing.summary);
        Cause::new(failing.cause_code(), summary, &failing.hint)
            .with_evidence("failing_since", failing.since().to_string())
            .with_evidence("failures", failing.failures)
    } else {
        let hint = "No sync of it has ended in this time: see whether one is under way (`anchore-cli feeds list`), and \
                    look into the log of the policy-engine.";
        Cause::new(CauseCode::Timeout, summary, hint)
    };
    let details = with_kept_state(cause, group, now).into_details();
    Report::new("system.feeds.sync.group_stale", Some(group.id.to_string()), details, now)
}

/// What the group goes on with.
fn with_kept_state(cause: Cause, group: &GroupState, now: Timestamp) -> Cause {
    match group.synced_at {
        Some(at) => cause.with_evidence(
            "kept",
            json!({"records": group.records, "synced_at": at.to_string(), "age": age_text(group.age(now))}),
        ),
        None => cause.with_evidence("kept", json!({"records": 0})),
    }
}

fn ended<const MEMBERS: usize>(
    completed: &str,
    failed: &str,
    resource_id: Option<String>,
    members: [(String, Value); MEMBERS],
    ends: &[GroupEnd],
    (began_at, now): (Timestamp, Timestamp),
) -> Report {
    let failures: Vec<&GroupEnd> = ends.iter().filter(|end| end.is_failure()).collect();
    match failures.first().and_then(|end| end.failing.as_ref().map(|failing| (end, failing))) {
        Some((end, failing)) if failures.len() == ends.len() => {
            let summary = match ends.len() {
                1 => format!("{}: {}", end.name, failing.summary),
                count => format!("none of {count} groups could be synced; {}: {}", end.name, failing.summary),
            };
            let cause = Cause::new(failing.cause_code(), summary, &failing.hint);
            let cause = members.into_iter().fold(cause, |cause, (name, value)| cause.with_evidence(&name, value));
            let groups: Vec<Value> = ends.iter().take(GROUPS_NAMED_MAX).map(|end| json!(failed_group(end))).collect();
            let cause = cause.with_evidence("groups", groups);
            Report::new(failed, resource_id, cause.into_details(), now)
        }
        _ => {
            let outcome = match failures.len() {
                0 if ends.iter().all(|end| end.result.outcome == Outcome::Unchanged) => "unchanged",
                0 => "complete",
                _ => "partial",
            };
            let mut all: Map<String, Value> = members.into_iter().collect();
            all.insert("outcome".to_owned(), json!(outcome));
            all.insert("synced".to_owned(), json!(ends.len() - failures.len()));
            all.insert("failed".to_owned(), json!(failures.len()));
            let duration = now.since(began_at).as_millis();
            all.insert("duration_ms".to_owned(), json!(u64::try_from(duration).unwrap_or(u64::MAX)));
            // What has failed comes first, should the list be cut.
            let succeeded = ends.iter().filter(|end| !end.is_failure());
            let groups = failures.iter().copied().chain(succeeded).take(GROUPS_NAMED_MAX);
            all.insert("groups".to_owned(), groups.map(GroupEnd::details).collect());
            Report::new(completed, resource_id, Details::from_value(&Value::Object(all)), now)
        }
    }
}

fn failed_group(end: &GroupEnd) -> String {
    let failing = end.failing.as_ref();
    let since = failing.map(|failing| failing.since().to_string()).unwrap_or_default();
    let kept =
        end.synced_at.map_or("has no records yet".to_owned(), |at| format!("keeps {} records of {at}", end.records));
    let code = failing.map_or("", |failing| failing.code.as_str());
    format!("{}: {code} since {since}, {kept}", end.name)
}

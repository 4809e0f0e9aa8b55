//! Groups of feeds, as words and as trees.

use event::{Json, Timestamp};
use proto::policy_engine::v1::{FeedGroup, Outcome, RecordCounts, SyncProgress, SyncResult, sync_progress::Phase};
use proto::timestamp_from_proto;

use crate::output::{number, object, text};
use crate::span::show_span;

/// `feed/group`.
pub fn name(group: &FeedGroup) -> String {
    format!("{}/{}", group.feed, group.name)
}

/// Nothing for an absent time.
pub fn time(at: Option<&prost_types::Timestamp>) -> String {
    moment(at).map_or(String::new(), |at| at.to_string())
}

/// How long ago, in two units.
pub fn age(at: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
    moment(at).map_or("-".to_owned(), |at| show_span(now.since(at)))
}

/// How the group is, in a few words: what goes on, or what came of the last sync.
pub fn state(group: &FeedGroup) -> String {
    match (&group.progress, &group.last_result) {
        (Some(progress), _) => phase(progress),
        (None, Some(result)) => outcome(result),
        (None, None) => "not synced yet".to_owned(),
    }
}

/// What came of a sync.
pub fn outcome(result: &SyncResult) -> String {
    match (result.outcome(), &result.counts, &result.cause) {
        (Outcome::Updated, Some(counts), _) => changes(counts),
        (Outcome::Failed, _, Some(cause)) => format!("failed: {} since {}", cause.code, time(cause.since.as_ref())),
        (outcome, ..) => outcome_word(outcome).to_owned(),
    }
}

fn changes(counts: &RecordCounts) -> String {
    let RecordCounts { added, changed, withdrawn, skipped } = counts;
    let skipped = if *skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    format!("{added} added, {changed} changed, {withdrawn} withdrawn{skipped}")
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed => "failed",
        Outcome::Unspecified => "unknown",
    }
}

/// How far a sync has come.
pub fn phase(progress: &SyncProgress) -> String {
    match progress.phase() {
        Phase::Downloading => match progress.announced_bytes {
            Some(all) => format!("downloading, {} of {}", bytes(progress.downloaded_bytes), bytes(all)),
            None => format!("downloading, {}", bytes(progress.downloaded_bytes)),
        },
        Phase::Reading => format!("reading, {} records", progress.records),
        Phase::Waiting | Phase::Unspecified => "waiting".to_owned(),
    }
}

fn bytes(count: i64) -> String {
    const UNITS: [(&str, i64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

/// Every field that has a value.
pub fn group_tree(group: &FeedGroup) -> Json {
    let progress = group.progress.as_ref().map_or(Json::Null, |progress| Json::String(phase(progress)));
    object([
        ("feed", text(&group.feed)),
        ("group", text(&group.name)),
        ("records", group.records.map_or(Json::Null, number)),
        ("synced_at", text(&time(group.synced_at.as_ref()))),
        ("changed_at", text(&time(group.changed_at.as_ref()))),
        ("stale", Json::Bool(group.is_stale)),
        ("next_sync_at", text(&time(group.next_sync_at.as_ref()))),
        ("progress", progress),
        ("last_result", group.last_result.as_ref().map_or(Json::Null, result_tree)),
    ])
}

fn result_tree(result: &SyncResult) -> Json {
    let counts = result.counts.unwrap_or_default();
    let count = |count: i64| result.counts.map_or(Json::Null, |_| number(count));
    let duration = result.duration.map_or(Json::Null, |duration| {
        number(duration.seconds.saturating_mul(1000).saturating_add(i64::from(duration.nanos) / 1_000_000))
    });
    let cause = result.cause.as_ref().map_or(Json::Null, |cause| {
        object([
            ("code", text(&cause.code)),
            ("msg", text(&cause.summary)),
            ("hint", text(&cause.hint)),
            ("failing_since", text(&time(cause.since.as_ref()))),
            ("failures", number(cause.failures)),
        ])
    });
    object([
        ("outcome", text(outcome_word(result.outcome()))),
        ("ended_at", text(&time(result.ended_at.as_ref()))),
        ("duration_ms", duration),
        ("downloaded_bytes", number(result.downloaded_bytes)),
        ("added", count(counts.added)),
        ("changed", count(counts.changed)),
        ("withdrawn", count(counts.withdrawn)),
        ("skipped", count(counts.skipped)),
        ("cause", cause),
    ])
}

fn moment(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(|at| timestamp_from_proto(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_results_are_a_few_words() {
        let check = |progress: SyncProgress, expected: &str| assert_eq!(phase(&progress), expected);
        let downloading = |downloaded_bytes, announced_bytes| SyncProgress {
            phase: Phase::Downloading.into(),
            downloaded_bytes,
            announced_bytes,
            records: 0,
        };
        check(SyncProgress::default(), "waiting");
        check(downloading(900, None), "downloading, 900 bytes");
        check(downloading(1 << 20, Some(5_500_000)), "downloading, 1.0 MiB of 5.2 MiB");
        check(
            SyncProgress { phase: Phase::Reading.into(), records: 7, ..SyncProgress::default() },
            "reading, 7 records",
        );
        let counts = RecordCounts { added: 3, changed: 0, withdrawn: 1, skipped: 2 };
        let result = SyncResult { outcome: Outcome::Updated.into(), counts: Some(counts), ..SyncResult::default() };
        assert_eq!(outcome(&result), "3 added, 0 changed, 1 withdrawn, 2 skipped");
        let result = SyncResult { outcome: Outcome::Unchanged.into(), ..SyncResult::default() };
        assert_eq!(outcome(&result), "unchanged");
    }
}

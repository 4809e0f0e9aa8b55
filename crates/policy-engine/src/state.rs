//! What is known about a group between its syncs.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::GroupId;
use crate::recurrence::Failing;
use crate::source::Validators;

/// A group as the last sync has left it.
#[derive(Debug, Clone)]
pub(crate) struct GroupState {
    /// Of its row.
    pub(crate) key: i64,
    pub(crate) id: GroupId,
    /// When it was first configured to come from where it comes from.
    pub(crate) configured_at: Timestamp,
    /// Of the records that are in effect; 0 before the first sync that worked.
    pub(crate) generation: i64,
    /// How many those are.
    pub(crate) records: u64,
    /// By the name of the document.
    pub(crate) validators: BTreeMap<String, Validators>,
    /// The latest change that a record tells, where the feed tells changes.
    pub(crate) newest: Option<Timestamp>,
    /// When the group was last compared with its feed as a whole.
    pub(crate) whole_at: Option<Timestamp>,
    /// When it was last known to be as the feed is.
    pub(crate) synced_at: Option<Timestamp>,
    pub(crate) changed_at: Option<Timestamp>,
    /// When it is due. `None`: now.
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) last_result: Option<SyncResult>,
    pub(crate) failing: Option<Failing>,
    pub(crate) stale_told_at: Option<Timestamp>,
}

/// How a sync of a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Updated,
    Unchanged,
    Failed,
}

/// How the records of a feed compare with those of the state before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub added: u64,
    pub changed: u64,
    /// No longer in the feed, or marked there as withdrawn.
    pub withdrawn: u64,
    /// Could not be understood, and were left out.
    pub skipped: u64,
}

/// What came of a sync of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResult {
    pub outcome: Outcome,
    /// In microseconds since 1970.
    ended_at: i64,
    duration_ms: u64,
    pub downloaded_bytes: u64,
    /// Of an update.
    pub counts: Option<Counts>,
}

impl SyncResult {
    pub(crate) fn new(
        outcome: Outcome,
        began_at: Timestamp,
        ended_at: Timestamp,
        downloaded_bytes: u64,
        counts: Option<Counts>,
    ) -> Self {
        let duration_ms = u64::try_from(ended_at.since(began_at).as_millis()).unwrap_or(u64::MAX);
        Self { outcome, ended_at: ended_at.as_micros(), duration_ms, downloaded_bytes, counts }
    }

    pub fn ended_at(&self) -> Timestamp {
        Timestamp::from_micros(self.ended_at).unwrap_or(Timestamp::MAX)
    }

    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}

impl Counts {
    /// Whether anything is other than before.
    pub fn is_change(&self) -> bool {
        self.added + self.changed + self.withdrawn > 0
    }
}

impl GroupState {
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.next_at.is_none_or(|at| at <= now)
    }

    /// How old the state in effect is; before the first, how long there has been none.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        now.since(self.synced_at.unwrap_or(self.configured_at))
    }
}

/// A span for people, in its two largest units.
pub(crate) fn age_text(age: Duration) -> String {
    let seconds = age.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units() {
        let check = |seconds, expected: &str| assert_eq!(age_text(Duration::from_secs(seconds)), expected);
        check(0, "0s");
        check(59, "59s");
        check(61, "1m 1s");
        check(3 * 3600 + 120, "3h 2m");
        check(2 * 86_400 + 3 * 3600 + 59, "2d 3h");
    }
}

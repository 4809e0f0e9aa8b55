//! What the policy-engine counts.

use cause::CauseCode;
use event::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::GroupId;
use crate::state::Counts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    change: &'static str,
}

/// Names from the configuration, so there are only so many.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabels {
    feed: String,
    group: String,
}

/// Counters and gauges; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    group_syncs: Family<ResultLabels, Counter>,
    downloaded_bytes: Counter,
    records: Family<ChangeLabels, Counter>,
    group_records: Family<GroupLabels, Gauge>,
    group_synced_at: Family<GroupLabels, Gauge>,
}

/// What came of a sync of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GroupResult {
    Updated,
    Unchanged,
    Failed(CauseCode),
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            group_syncs: Family::default(),
            downloaded_bytes: Counter::default(),
            records: Family::default(),
            group_records: Family::default(),
            group_synced_at: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("policy_engine");
        registry.register(
            "group_syncs",
            "Syncs of a group of a feed, by result: updated, unchanged, or the code of the cause",
            metrics.group_syncs.clone(),
        );
        registry.register("downloaded_bytes", "Bytes downloaded from feeds", metrics.downloaded_bytes.clone());
        registry.register(
            "records",
            "Records of feeds that were added, changed, withdrawn or skipped",
            metrics.records.clone(),
        );
        registry.register("group_records", "Records of a group that are in effect", metrics.group_records.clone());
        registry.register(
            "group_synced_at_seconds",
            "When a group was last known to be as its feed is, in seconds since 1970; 0: never",
            metrics.group_synced_at.clone(),
        );
        // A counter that begins at its first failure hides that failure from `rate()`.
        let failures = CauseCode::ALL.map(GroupResult::Failed);
        for result in [GroupResult::Updated, GroupResult::Unchanged].into_iter().chain(failures) {
            drop(metrics.group_syncs.get_or_create(&result.labels()));
        }
        metrics
    }

    pub(crate) fn count(&self, result: GroupResult, downloaded_bytes: u64, counts: Counts) {
        self.group_syncs.get_or_create(&result.labels()).inc();
        self.downloaded_bytes.inc_by(downloaded_bytes);
        for (change, count) in [
            ("added", counts.added),
            ("changed", counts.changed),
            ("withdrawn", counts.withdrawn),
            ("skipped", counts.skipped),
        ] {
            self.records.get_or_create(&ChangeLabels { change }).inc_by(count);
        }
    }

    /// How a group is now.
    pub(crate) fn show(&self, group: &GroupId, records: u64, synced_at: Option<Timestamp>) {
        let labels = GroupLabels { feed: group.feed.to_string(), group: group.group.to_string() };
        self.group_records.get_or_create(&labels).set(i64::try_from(records).unwrap_or(i64::MAX));
        let seconds = synced_at.map_or(0, |at| at.as_micros().div_euclid(1_000_000));
        self.group_synced_at.get_or_create(&labels).set(seconds);
    }
}

impl GroupResult {
    fn labels(self) -> ResultLabels {
        let result = match self {
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Failed(code) => code.as_str(),
        };
        ResultLabels { result }
    }
}

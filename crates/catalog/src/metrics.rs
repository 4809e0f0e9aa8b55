//! What the catalog counts.

use cause::CauseCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabel {
    change: &'static str,
}

/// Counters; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    listings: Family<ResultLabel, Counter>,
    lookups: Family<ResultLabel, Counter>,
    changes: Family<ChangeLabel, Counter>,
    notifications: Family<ResultLabel, Counter>,
    pub(crate) watches: Gauge,
}

/// What came of one listing of a repository.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ListingResult {
    Worked,
    Failed(CauseCode),
}

/// What came of looking up one tag.
pub(crate) type LookupResult = ListingResult;

/// What became of a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TagChange {
    Added,
    Updated,
    Deleted,
}

/// What came of one request of a registry that tells what was pushed to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NotificationResult {
    /// It was about something that is watched.
    Taken,
    /// It was about nothing that is watched.
    Unwatched,
    Unauthorized,
    Refused,
}

impl NotificationResult {
    const ALL: [Self; 4] = [Self::Taken, Self::Unwatched, Self::Unauthorized, Self::Refused];
}

const HELD_BACK: &str = "held_back";

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            listings: Family::default(),
            lookups: Family::default(),
            changes: Family::default(),
            notifications: Family::default(),
            watches: Gauge::default(),
        };
        registry.register(
            "catalog_listings",
            "Attempts to list the tags of a watched repository, by result: ok, held_back, or the code of the cause",
            metrics.listings.clone(),
        );
        registry.register(
            "catalog_lookups",
            "Attempts to look up what a watched tag means, by result: ok, or the code of the cause",
            metrics.lookups.clone(),
        );
        registry.register(
            "catalog_tag_changes",
            "Watched tags that were added, updated or deleted, by change",
            metrics.changes.clone(),
        );
        registry.register(
            "catalog_notifications",
            "Requests of registries that tell what was pushed, by result: taken, unwatched, unauthorized, refused",
            metrics.notifications.clone(),
        );
        registry.register("catalog_watches", "Repositories and tags that are watched", metrics.watches.clone());
        metrics.begin_at_zero();
        metrics
    }

    /// A counter that begins at its first failure hides that failure from `rate()`.
    fn begin_at_zero(&self) {
        let failures = CauseCode::ALL.map(ListingResult::Failed);
        for result in [ListingResult::Worked].into_iter().chain(failures) {
            drop(self.listings.get_or_create(&result.label()));
            drop(self.lookups.get_or_create(&result.label()));
        }
        drop(self.listings.get_or_create(&ResultLabel { result: HELD_BACK }));
        for change in [TagChange::Added, TagChange::Updated, TagChange::Deleted] {
            drop(self.changes.get_or_create(&change.label()));
        }
        for result in NotificationResult::ALL {
            drop(self.notifications.get_or_create(&result.label()));
        }
    }

    pub(crate) fn count_listing(&self, result: ListingResult) {
        self.listings.get_or_create(&result.label()).inc();
    }

    /// A registry wants to be left alone for now.
    pub(crate) fn count_held_back(&self) {
        self.listings.get_or_create(&ResultLabel { result: HELD_BACK }).inc();
    }

    pub(crate) fn count_lookup(&self, result: LookupResult) {
        self.lookups.get_or_create(&result.label()).inc();
    }

    pub(crate) fn count_change(&self, change: TagChange) {
        self.changes.get_or_create(&change.label()).inc();
    }

    pub(crate) fn count_notification(&self, result: NotificationResult) {
        self.notifications.get_or_create(&result.label()).inc();
    }
}

impl ListingResult {
    fn label(self) -> ResultLabel {
        let result = match self {
            Self::Worked => "ok",
            Self::Failed(code) => code.as_str(),
        };
        ResultLabel { result }
    }
}

impl TagChange {
    fn label(self) -> ChangeLabel {
        let change = match self {
            Self::Added => "add",
            Self::Updated => "update",
            Self::Deleted => "delete",
        };
        ChangeLabel { change }
    }
}

impl NotificationResult {
    fn label(self) -> ResultLabel {
        let result = match self {
            Self::Taken => "taken",
            Self::Unwatched => "unwatched",
            Self::Unauthorized => "unauthorized",
            Self::Refused => "refused",
        };
        ResultLabel { result }
    }
}

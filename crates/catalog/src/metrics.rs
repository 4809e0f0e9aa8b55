//! What the catalog counts.

use cause::CauseCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListingLabels {
    result: &'static str,
}

/// Counters; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    listings: Family<ListingLabels, Counter>,
}

/// What came of one turn of a repository.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ListingResult {
    Listed,
    /// The registry wants to be left alone for now.
    HeldBack,
    Failed(CauseCode),
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let listings = Family::default();
        registry.register(
            "catalog_listings",
            "Attempts to list the tags of a watched repository, by result: ok, held_back, or the code of the cause",
            listings.clone(),
        );
        let metrics = Self { listings };
        // A counter that begins at its first failure hides that failure from `rate()`.
        let failures = CauseCode::ALL.map(ListingResult::Failed);
        for result in [ListingResult::Listed, ListingResult::HeldBack].into_iter().chain(failures) {
            drop(metrics.listings.get_or_create(&result.labels()));
        }
        metrics
    }

    pub(crate) fn count(&self, result: ListingResult) {
        self.listings.get_or_create(&result.labels()).inc();
    }
}

impl ListingResult {
    fn labels(self) -> ListingLabels {
        let result = match self {
            Self::Listed => "ok",
            Self::HeldBack => "held_back",
            Self::Failed(code) => code.as_str(),
        };
        ListingLabels { result }
    }
}

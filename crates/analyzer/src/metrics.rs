//! What the analyzer counts.

use cause::CauseCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnalysisLabels {
    result: &'static str,
}

/// Clones share their counts.
#[derive(Clone)]
pub struct Metrics {
    analyses: Family<AnalysisLabels, Counter>,
    pub(crate) refused_jobs: Counter,
    pub(crate) bytes: Counter,
    pub(crate) seconds: Histogram,
}

/// What came of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnalysisResult {
    Analyzed,
    PutAside,
    /// The registry wants to be left alone for now.
    HeldBack,
    Failed(CauseCode),
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            analyses: Family::default(),
            refused_jobs: Counter::default(),
            bytes: Counter::default(),
            // From a tenth of a second to an hour.
            seconds: Histogram::new(exponential_buckets(0.1, 4.0, 9)),
        };
        let registry = registry.sub_registry_with_prefix("analyzer");
        registry.register(
            "analyses",
            "Attempts to analyse an image, by result: ok, put_aside, held_back, or the code of the cause",
            metrics.analyses.clone(),
        );
        registry.register("refused_jobs", "Messages that were no job", metrics.refused_jobs.clone());
        registry.register("pulled_bytes", "Bytes of the layers of analysed images", metrics.bytes.clone());
        registry.register("analysis_seconds", "Time of one attempt", metrics.seconds.clone());
        // A counter that begins at its first failure hides that failure from `rate()`.
        let failures = CauseCode::ALL.map(AnalysisResult::Failed);
        for result in
            [AnalysisResult::Analyzed, AnalysisResult::PutAside, AnalysisResult::HeldBack].into_iter().chain(failures)
        {
            drop(metrics.analyses.get_or_create(&result.labels()));
        }
        metrics
    }

    pub(crate) fn count(&self, result: AnalysisResult) {
        self.analyses.get_or_create(&result.labels()).inc();
    }
}

impl AnalysisResult {
    fn labels(self) -> AnalysisLabels {
        let result = match self {
            Self::Analyzed => "ok",
            Self::PutAside => "put_aside",
            Self::HeldBack => "held_back",
            Self::Failed(code) => code.as_str(),
        };
        AnalysisLabels { result }
    }
}

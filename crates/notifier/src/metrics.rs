//! What the notifier counts.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone)]
pub struct Metrics {
    pub dispatched: Counter,
    pub deliveries: Family<OutcomeLabel, Counter>,
    pub attempts: Family<AttemptLabels, Counter>,
    pub attempt_seconds: Histogram,
    pub waiting: Gauge<u64, AtomicU64>,
    pub endpoints: Family<ConditionLabel, Gauge<u64, AtomicU64>>,
}

/// `delivered` or `given_up`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    pub outcome: &'static str,
}

/// What came of an attempt, and the code of its cause; `none` where it was taken. Not the endpoint: names are users'.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AttemptLabels {
    pub outcome: &'static str,
    pub cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConditionLabel {
    pub condition: &'static str,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            dispatched: Counter::default(),
            deliveries: Family::default(),
            attempts: Family::default(),
            attempt_seconds: Histogram::new(exponential_buckets(0.002, 3.0, 10)),
            waiting: Gauge::default(),
            endpoints: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("notifier");
        registry.register("dispatched", "Deliveries made of events", metrics.dispatched.clone());
        registry.register("deliveries", "Deliveries finished", metrics.deliveries.clone());
        registry.register("attempts", "Requests made", metrics.attempts.clone());
        registry.register("attempt_seconds", "Time to an answer, or to none", metrics.attempt_seconds.clone());
        registry.register("waiting", "Deliveries that wait", metrics.waiting.clone());
        registry.register("endpoints", "Endpoints by how they are doing", metrics.endpoints.clone());
        metrics
    }
}

//! What the store counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone)]
pub struct Metrics {
    pub stored: Counter,
    pub known: Counter,
    pub deleted: Counter,
    pub expired: Counter,
    pub published: Counter,
    pub put_aside: Counter,
    pub batch_events: Histogram,
    pub append_seconds: Histogram,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            stored: Counter::default(),
            known: Counter::default(),
            deleted: Counter::default(),
            expired: Counter::default(),
            published: Counter::default(),
            put_aside: Counter::default(),
            batch_events: Histogram::new(exponential_buckets(1.0, 4.0, 7)),
            append_seconds: Histogram::new(exponential_buckets(0.001, 4.0, 8)),
        };
        let registry = registry.sub_registry_with_prefix("events_store");
        registry.register("stored", "Events stored", metrics.stored.clone());
        registry.register("known", "Events delivered again and skipped", metrics.known.clone());
        registry.register("deleted", "Events deleted by users", metrics.deleted.clone());
        registry.register("expired", "Events deleted by the retention", metrics.expired.clone());
        registry.register("published", "Events taken from publishers over gRPC", metrics.published.clone());
        registry.register("put_aside", "Messages that could not be stored", metrics.put_aside.clone());
        registry.register("batch_events", "Events in a batch from the bus", metrics.batch_events.clone());
        registry.register("append_seconds", "Time to store a batch", metrics.append_seconds.clone());
        metrics
    }
}

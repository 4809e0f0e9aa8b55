//! What the outbox counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Default)]
pub struct Metrics {
    pub published: Counter,
    pub published_again: Counter,
    pub confirmed: Counter,
    pub awaited: Gauge,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("outbox");
        registry.register("published", "Messages carried over to the bus", metrics.published.clone());
        let again = "Messages carried over again, because the store did not confirm them in time";
        registry.register("published_again", again, metrics.published_again.clone());
        registry.register("confirmed", "Messages that the store has confirmed", metrics.confirmed.clone());
        registry.register("awaited", "Messages that the store has yet to confirm", metrics.awaited.clone());
        metrics
    }
}

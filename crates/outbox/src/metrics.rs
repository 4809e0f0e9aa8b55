//! What the outbox counts.

use std::sync::atomic::AtomicU64;

use bus::Fill;
use event::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Of the way to the bus.
#[derive(Clone, Default)]
pub struct Metrics {
    pub published: Counter,
    pub published_again: Counter,
    pub confirmed: Counter,
    pub awaited: Gauge,
}

/// Of the log itself.
#[derive(Clone, Default)]
pub struct FillMetrics {
    bytes: Gauge,
    bytes_max: Gauge,
    messages: Gauge,
    oldest_seconds: Gauge<f64, AtomicU64>,
    age_max_seconds: Gauge<f64, AtomicU64>,
    put_aside: Gauge,
    behind: Family<ConsumerLabel, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConsumerLabel {
    consumer: String,
}

const PREFIX: &str = "outbox";

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix(PREFIX);
        registry.register("published", "Messages carried over to the bus", metrics.published.clone());
        let again = "Messages carried over again, because the store did not confirm them in time";
        registry.register("published_again", again, metrics.published_again.clone());
        registry.register("confirmed", "Messages that the store has confirmed", metrics.confirmed.clone());
        registry.register("awaited", "Messages that the store has yet to confirm", metrics.awaited.clone());
        metrics
    }
}

impl FillMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix(PREFIX);
        registry.register("bytes", "Bytes that the log on this machine holds", metrics.bytes.clone());
        registry.register("bytes_max", "Bytes at which the log refuses new messages", metrics.bytes_max.clone());
        let messages = "Messages in the log that some consumer has not settled";
        registry.register("messages", messages, metrics.messages.clone());
        let oldest = "Age of the oldest message that some consumer has not settled; 0 when there is none";
        registry.register("oldest_seconds", oldest, metrics.oldest_seconds.clone());
        let age_max = "Age at which a message is put aside";
        registry.register("age_max_seconds", age_max, metrics.age_max_seconds.clone());
        let put_aside = "Messages that are put aside and wait for somebody to look at them";
        registry.register("put_aside", put_aside, metrics.put_aside.clone());
        registry.register("behind", "Messages that a consumer of the log has not settled", metrics.behind.clone());
        metrics
    }

    pub(crate) fn show(&self, fill: &Fill, now: Timestamp) {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.bytes.set(count(fill.bytes));
        self.bytes_max.set(count(fill.bytes_max));
        self.messages.set(count(fill.messages));
        self.oldest_seconds.set(fill.oldest_at.map_or(0.0, |at| now.since(at).as_secs_f64()));
        self.age_max_seconds.set(fill.age_max.as_secs_f64());
        self.put_aside.set(count(fill.put_aside));
        // One that was forgotten is not shown any more.
        self.behind.clear();
        for consumer in &fill.consumers {
            let label = ConsumerLabel { consumer: consumer.name.clone() };
            self.behind.get_or_create(&label).set(count(consumer.behind));
        }
    }
}

//! The consumers of the stream as an operator sees them.

use std::time::Duration;

use bus::{Bus, ConsumerSpec, Outgoing};
use bus_nats::{Forgotten, NatsBus, NatsConfig};
use fixtures::NatsServer;

fn spec(name: &'static str) -> ConsumerSpec {
    ConsumerSpec { name, reads: None, ack_wait: Duration::from_secs(30), unsettled_max: 100 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_nobody_reads_can_be_forgotten() {
    let server = NatsServer::start();
    let config = NatsConfig { urls: vec![server.url()], ..NatsConfig::default() };
    let bus = NatsBus::connect(config).await.expect("a bus");
    assert!(bus.readers().await.is_err(), "there is no stream yet");
    let store = bus.consumer(&spec("store")).await.expect("a consumer");
    let notifier = bus.consumer(&spec("notifier")).await.expect("a consumer");
    let message = |id: &str| Outgoing { subject: "events.v1.a".into(), id: id.into(), payload: vec![1] };
    assert!(bus.publish(vec![message("a"), message("b")]).await.iter().all(Result::is_ok));
    assert_eq!(store.fetch(1, Duration::from_secs(5)).await.expect("fetched").len(), 1);
    let readers = bus.readers().await.expect("a list");
    let seen: Vec<_> = readers.iter().map(|reader| (reader.name.as_str(), reader.pending, reader.unsettled)).collect();
    assert_eq!(seen, [("notifier", 2, 0), ("store", 1, 1)]);

    assert_eq!(notifier.fetch(10, Duration::from_secs(5)).await.expect("fetched").len(), 2);
    let waiting = tokio::spawn(async move { notifier.fetch(1, Duration::from_mins(1)).await });
    assert_eq!(bus.forget("notifier").await.expect("an answer"), Forgotten::IsRead);
    waiting.abort();
    assert_eq!(bus.forget("store").await.expect("an answer"), Forgotten::Done);
    assert_eq!(bus.forget("store").await.expect("an answer"), Forgotten::Unknown);
    // Whoever comes back begins with the oldest message.
    let store = bus.consumer(&spec("store")).await.expect("a consumer");
    assert_eq!(store.fetch(10, Duration::from_secs(5)).await.expect("fetched").len(), 2);
}

//! What people are told about a log, and when.

use std::sync::Arc;
use std::time::Duration;

use bus::EventPublisher;
use emitter::Emitter;
use event::{Event, Level, ManualClock, Source};
use outbox::{FillMetrics, Keeper, NAME, ROOM};
use prometheus_client::registry::Registry;
use service::readiness::Readiness;

use crate::doubles::{FakeLog, consumer, now};

struct Fixture {
    log: FakeLog,
    clock: Arc<ManualClock>,
    readiness: Readiness,
    registry: Registry,
    keeper: Keeper,
}

impl Fixture {
    fn new() -> Self {
        let log = FakeLog::new();
        let clock = Arc::new(ManualClock::at(now()));
        let readiness = Readiness::default();
        let mut registry = Registry::default();
        let source = Source { service: Some(NAME.to_owned()), ..Source::default() };
        let keeper = Keeper::new(
            "data/outbox.db".to_owned(),
            Arc::new(log.clone()),
            Emitter::new(EventPublisher::new(Arc::new(log.clone())), clock.clone(), source),
            clock.clone(),
            readiness.service(NAME, &[ROOM]),
            FillMetrics::register(&mut registry),
        );
        Self { log, clock, readiness, registry, keeper }
    }

    fn reasons(&self) -> Vec<String> {
        self.readiness.reasons(NAME).expect("it is known")
    }

    fn last_event(&self) -> Event {
        self.log.events().pop().expect("an event")
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("text");
        text
    }
}

#[tokio::test]
async fn a_log_that_comes_near_a_bound_is_told_once_and_once_more_when_it_is_well() {
    let mut fixture = Fixture::new();
    for (mebibytes, expected, is_ready) in [
        (10, &[][..], true),
        (79, &[], true),
        (80, &["outbox_filling"], false),
        (99, &["outbox_filling"], false),
        (61, &["outbox_filling"], false),
        (59, &["outbox_filling", "outbox_relieved"], true),
        (79, &["outbox_filling", "outbox_relieved"], true),
        (81, &["outbox_filling", "outbox_relieved", "outbox_filling"], false),
    ] {
        fixture.log.set(|fill| fill.bytes = mebibytes << 20);
        fixture.keeper.look().await;
        assert_eq!(fixture.log.types(), expected, "at {mebibytes} %");
        assert_eq!(fixture.reasons().is_empty(), is_ready, "at {mebibytes} %: {:?}", fixture.reasons());
    }
    let event = fixture.last_event();
    assert_eq!((event.level, event.source.service.as_deref()), (Level::Error, Some("outbox")));
    assert_eq!(event.resource.id.as_deref(), Some("data/outbox.db"));
    let details = event.details.as_json();
    assert!(details.contains(r#""code":"unavailable""#) && details.contains(r#""bytes_percent":81"#), "{details}");
    assert!(fixture.reasons()[0].starts_with("room: at 2026-11-01T12:00:00Z: it holds 81 of 100 MiB"));
}

#[tokio::test]
async fn a_message_that_waits_too_long_is_told_as_well() {
    let mut fixture = Fixture::new();
    fixture.log.set(|fill| fill.oldest_at = Some(now()));
    fixture.keeper.look().await;
    assert!(fixture.log.types().is_empty());
    fixture.clock.advance(Duration::from_hours(85));
    fixture.keeper.look().await;
    assert_eq!(fixture.log.types(), ["outbox_filling"]);
    assert!(fixture.metrics().contains("outbox_oldest_seconds 306000"), "{}", fixture.metrics());
    fixture.log.set(|fill| fill.oldest_at = None);
    fixture.keeper.look().await;
    assert_eq!(fixture.log.types(), ["outbox_filling", "outbox_relieved"]);
}

#[tokio::test]
async fn what_a_full_log_does_not_take_is_told_when_it_has_room() {
    let mut fixture = Fixture::new();
    fixture.log.set(|fill| fill.bytes = 100 << 20);
    fixture.log.set_full(true);
    fixture.keeper.look().await;
    assert!(fixture.log.types().is_empty());
    let reasons = fixture.reasons().join("; ");
    assert!(reasons.contains("disk: the bus cannot be reached: disk full") && reasons.contains("room: "), "{reasons}");
    // Emptied before it could be told.
    fixture.clock.advance(Duration::from_mins(1));
    fixture.log.set(|fill| fill.bytes = 0);
    fixture.keeper.look().await;
    fixture.log.set_full(false);
    fixture.keeper.look().await;
    assert_eq!(fixture.log.types(), ["outbox_filling", "outbox_relieved"]);
    assert!(fixture.last_event().details.as_json().contains("2026-11-01T12:00:00Z"), "since when it was");
    assert!(fixture.reasons().is_empty());
}

#[tokio::test]
async fn what_was_put_aside_and_who_was_forgotten_is_told() {
    let mut fixture = Fixture::new();
    fixture.log.set(|fill| {
        fill.put_aside = 3;
        fill.consumers = vec![consumer("events-store", 0, false), consumer("notifier", 70, true)];
    });
    fixture.keeper.look().await;
    assert_eq!(fixture.log.types(), ["outbox_put_aside"], "also what an earlier process has put aside");
    assert!(fixture.metrics().contains(r#"outbox_behind{consumer="notifier"} 70"#), "{}", fixture.metrics());
    fixture.keeper.look().await;
    fixture.log.set(|fill| {
        fill.put_aside = 1;
        fill.consumers.pop();
    });
    fixture.keeper.look().await;
    assert_eq!(fixture.log.types(), ["outbox_put_aside", "consumer_forgotten"]);
    assert_eq!(fixture.last_event().resource.id.as_deref(), Some("notifier"));
    assert!(!fixture.metrics().contains("notifier"));
}

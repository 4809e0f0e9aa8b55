//! What is full, too old, or held back by a consumer that nobody reads; and what a clock that is wrong does to it.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, Fill, Log};
use bus_local::{DEDUPE_WINDOW_MIN, Inspection, LocalBus, LocalBusConfig, Place};
use database::sea_orm::sqlx::{self, Connection};
use tokio::time::Instant;

use crate::fixture::{DEADLINE, Fixture, eventually_held, outgoing, reader, settle_all};

const DAY: Duration = Duration::from_hours(24);

async fn publish(bus: &LocalBus, ids: impl IntoIterator<Item = &str>) {
    let messages = ids.into_iter().map(|id| outgoing(id, 100)).collect();
    assert!(bus.publish(messages).await.iter().all(Result::is_ok));
}

async fn eventually(bus: &LocalBus, claim: &str, holds: impl Fn(&Fill) -> bool) -> Fill {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let fill = bus.fill().await.expect("a fill");
        if holds(&fill) {
            return fill;
        }
        assert!(Instant::now() < deadline, "{claim}: {fill:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn open(fixture: &Fixture, change: impl FnOnce(&mut LocalBusConfig)) -> Arc<LocalBus> {
    let mut config = fixture.config();
    change(&mut config);
    LocalBus::open(&fixture.file, config).await.expect("an open bus")
}

fn names(fill: &Fill) -> Vec<(&str, u64, bool)> {
    fill.consumers.iter().map(|consumer| (consumer.name.as_str(), consumer.behind, consumer.is_absent)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_tells_how_full_it_is_and_who_is_behind() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let empty = bus.fill().await.expect("a fill");
    assert_eq!((empty.messages, empty.oldest_at, empty.put_aside), (0, None, 0));
    let (store, _notifier) = (reader(&bus, "store").await, reader(&bus, "notifier").await);
    publish(&bus, ["a"]).await;
    fixture.clock.advance(DAY);
    publish(&bus, ["b", "c"]).await;
    assert_eq!(settle_all(&store).await, 3);
    let fill = bus.fill().await.expect("a fill");
    assert_eq!(names(&fill), [("notifier", 3, false), ("store", 0, false)]);
    assert_eq!(fill.messages, 3);
    assert_eq!(fill.oldest_at.expect("the oldest").to_string(), "2026-11-01T12:00:00Z");
    assert!(fill.bytes >= empty.bytes && fill.bytes < fill.bytes_max, "{fill:?}");
    bus.close().await;
    assert!(matches!(bus.fill().await, Err(BusError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_consumer_keeps_its_place_until_the_room_is_needed() {
    let fixture = Fixture::new();
    let small = |config: &mut LocalBusConfig| config.max_bytes = 16 * 1024 * 1024;
    let bus = open(&fixture, small).await;
    let (store, notifier) = (reader(&bus, "store").await, reader(&bus, "notifier").await);
    publish(&bus, ["a"]).await;
    assert_eq!((settle_all(&store).await, settle_all(&notifier).await), (1, 1));
    bus.close().await;
    drop((bus, store, notifier));

    // From here on without the notifier.
    let bus = open(&fixture, |config| {
        small(config);
        config.expected = vec!["store".to_owned()];
    })
    .await;
    publish(&bus, ["b"]).await;
    assert_eq!(names(&bus.fill().await.unwrap()), [("notifier", 1, true), ("store", 1, false)]);
    let store = reader(&bus, "store").await;
    settle_all(&store).await;
    fixture.clock.advance(DEDUPE_WINDOW_MIN * 2);
    eventually_held(&fixture, 1).await;
    assert_eq!(fixture.held().await, 1, "it may come back for it");
    let large = (0..14).map(|number| outgoing(format!("m{number}"), 1000 * 1000)).collect();
    assert!(bus.publish(large).await.iter().all(Result::is_ok));
    settle_all(&store).await;
    eventually(&bus, "the notifier is forgotten", |fill| names(fill) == [("store", 0, false)]).await;
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT name FROM consumer").fetch_all(&mut fixture.connect().await).await.unwrap();
    assert_eq!(stored, ["store"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_settled_takes_no_room_although_its_ids_are_known() {
    let fixture = Fixture::new();
    let bus = fixture.open_with(16 * 1024 * 1024).await.expect("an open bus");
    let store = reader(&bus, "store").await;
    for round in 0..4 {
        let large = (0..8).map(|number| outgoing(format!("m{round}-{number}"), 1000 * 1000)).collect::<Vec<_>>();
        assert!(bus.publish(large.clone()).await.iter().all(Result::is_ok), "round {round}");
        assert_eq!(settle_all(&store).await, 8);
        eventually(&bus, "it has room again", |fill| fill.bytes < 2 * 1024 * 1024).await;
        let again = bus.publish(large).await;
        assert!(again.iter().all(|result| result.as_ref().is_ok_and(|receipt| receipt.duplicate)), "{again:?}");
    }
    assert_eq!(fixture.held().await, 32);
    // Somebody new has nothing to read in them.
    publish(&bus, ["a"]).await;
    assert_eq!(settle_all(&reader(&bus, "notifier").await).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_late_to_open_is_not_absent() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let (store, notifier) = (reader(&bus, "store").await, reader(&bus, "notifier").await);
    bus.close().await;
    drop((bus, store, notifier));
    let bus = open(&fixture, |config| {
        config.expected = vec!["store".to_owned(), "notifier".to_owned()];
        config.patience = Duration::ZERO;
    })
    .await;
    publish(&bus, ["a"]).await;
    settle_all(&reader(&bus, "notifier").await).await;
    fixture.clock.advance(100 * DAY);
    // What is too old is kept for it, even if aside.
    let fill = eventually(&bus, "the message is put aside", |fill| fill.put_aside == 1).await;
    assert_eq!(names(&fill).len(), 2, "{fill:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_forgets_a_consumer_while_the_process_runs() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    reader(&bus, "notifier").await;
    bus.close().await;
    drop(bus);
    let bus = fixture.open().await.expect("an open bus");
    let store = reader(&bus, "store").await;
    publish(&bus, ["a"]).await;
    settle_all(&store).await;

    let mut inspection = Inspection::open(&fixture.file).await.expect("a bus file");
    let place = |consumer: &str, behind| Place { consumer: consumer.to_owned(), behind };
    assert_eq!(inspection.consumers().await.unwrap(), [place("notifier", 1), place("store", 0)]);
    assert!(!inspection.forget("nobody").await.unwrap());
    assert!(inspection.forget("notifier").await.unwrap());
    fixture.clock.advance(DEDUPE_WINDOW_MIN * 2);
    eventually_held(&fixture, 0).await;
    // One that is read cannot be forgotten.
    assert!(inspection.forget("store").await.unwrap());
    publish(&bus, ["b"]).await;
    settle_all(&store).await;
    assert_eq!(inspection.consumers().await.unwrap(), [place("store", 0)]);
    inspection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_settled_in_time_is_put_aside_and_tried_again_or_dropped_on_demand() {
    let fixture = Fixture::new();
    let bus = open(&fixture, |config| config.patience = Duration::ZERO).await;
    let store = reader(&bus, "store").await;
    publish(&bus, ["a", "b", "c"]).await;
    let in_hand = store.fetch(2, Duration::ZERO).await.expect("fetched");
    assert_eq!(in_hand.len(), 2);
    fixture.clock.advance(20 * DAY);
    publish(&bus, ["d"]).await;
    fixture.clock.advance(2 * DAY);
    let fill = eventually(&bus, "three are put aside", |fill| fill.put_aside == 3).await;
    assert_eq!(fill.oldest_at.expect("one is left").to_string(), "2026-11-21T12:00:00Z");
    assert_eq!(settle_all(&store).await, 1, "the one that is not too old");

    let mut inspection = Inspection::open(&fixture.file).await.expect("a bus file");
    let aside = inspection.put_aside().await.expect("a list");
    assert_eq!(aside.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(aside[0].reason, "not settled by `store` within 504 h");
    assert_eq!((aside[0].payload_bytes, aside[0].is_wanted_again), (100, false));
    assert!(inspection.drop("a").await.unwrap() && !inspection.drop("a").await.unwrap());
    assert!(inspection.retry("c").await.unwrap() && !inspection.retry("nothing").await.unwrap());
    eventually(&bus, "one is left aside", |fill| fill.put_aside == 1).await;
    let again = store.fetch(10, DEADLINE).await.expect("fetched");
    assert_eq!(again.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_be_put_aside_by_its_id() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let store = reader(&bus, "store").await;
    publish(&bus, ["a", "b"]).await;
    assert!(bus.put_aside("a", "the bus refuses it").await.unwrap());
    assert!(!bus.put_aside("a", "the bus refuses it").await.unwrap());
    assert_eq!(settle_all(&store).await, 1);
    let fill = bus.fill().await.expect("a fill");
    assert_eq!((fill.put_aside, fill.messages), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_for_a_moment_puts_nothing_aside() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let store = reader(&bus, "store").await;
    publish(&bus, ["settled"]).await;
    assert_eq!(settle_all(&store).await, 1);
    publish(&bus, ["a"]).await;
    let now = "2026-11-01T12:00:00Z".parse().expect("a time");
    fixture.clock.advance(1000 * DAY);
    // That the writer has looked meanwhile shows in what it deletes.
    eventually_held(&fixture, 1).await;
    fixture.clock.set(now);
    assert_eq!(bus.fill().await.unwrap().put_aside, 0);
    assert_eq!(settle_all(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_keeps_no_message_for_ever() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let store = reader(&bus, "store").await;
    fixture.clock.set("2036-11-01T12:00:00Z".parse().expect("a time"));
    publish(&bus, ["a"]).await;
    fixture.clock.set("2026-11-01T12:00:00Z".parse().expect("a time"));
    publish(&bus, ["b"]).await;
    assert_eq!(settle_all(&store).await, 2);
    eventually_held(&fixture, 1).await;
    fixture.clock.advance(DEDUPE_WINDOW_MIN * 2);
    eventually_held(&fixture, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_first_layout_gets_what_it_lacks() {
    let fixture = Fixture::new();
    fixture.open().await.expect("an open bus").close().await;
    let mut connection = fixture.connect().await;
    for statement in ["DROP TABLE put_aside", "PRAGMA user_version = 1"] {
        sqlx::query(statement).execute(&mut connection).await.expect("the first layout");
    }
    connection.close().await.expect("closed");
    let refusal = Inspection::open(&fixture.file).await.err().expect("a refusal");
    assert!(refusal.chain().contains("start this release once"), "{}", refusal.chain());
    let bus = fixture.open().await.expect("an open bus");
    publish(&bus, ["a"]).await;
    assert!(bus.put_aside("a", "a reason").await.unwrap());
    let missing = Inspection::open(&fixture.file.with_file_name("other.db")).await.err().expect("a refusal");
    assert!(missing.chain().contains("there is no"), "{}", missing.chain());
}

//! The file: who may open it, what is deleted from it, and what happens when it cannot be written.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, BusError, ConsumerSpec, Settlement, Verdict};
use bus_local::{DEDUPE_WINDOW_MIN, LocalBus, LocalBusConfig};
use database::sea_orm::sqlx::{self, Connection};
use tokio::time::Instant;

use crate::fixture::{DEADLINE, Fixture, eventually_held, outgoing, reader, settle_all};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opening_is_refused_and_names_the_file() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let refusal = fixture.open().await.err().expect("a refusal");
    assert!(matches!(refusal, BusError::Misconfigured(_)), "{refusal:?}");
    let text = refusal.chain();
    assert!(text.contains("bus.db") && text.contains(&format!("process {}", std::process::id())), "{text}");
    bus.close().await;
    fixture.open().await.expect("free after closing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_release_is_refused() {
    let fixture = Fixture::new();
    fixture.open().await.expect("an open bus").close().await;
    sqlx::query("PRAGMA user_version = 99").execute(&mut fixture.connect().await).await.expect("a newer layout");
    let refusal = fixture.open().await.err().expect("a refusal");
    assert!(matches!(&refusal, BusError::Misconfigured(text) if text.contains("newer release")), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_database_is_refused() {
    let fixture = Fixture::new();
    sqlx::query("CREATE TABLE events (id TEXT)").execute(&mut fixture.connect().await).await.expect("a table");
    let refusal = fixture.open().await.err().expect("a refusal");
    assert!(matches!(&refusal, BusError::Misconfigured(text) if text.contains("another database")), "{refusal:?}");
    std::fs::write(fixture.file.with_file_name("text"), "no database at all, and long enough to see").expect("a file");
    let text = LocalBus::open(&fixture.file.with_file_name("text"), LocalBusConfig::default()).await;
    assert!(matches!(text, Err(BusError::Misconfigured(_))), "{:?}", text.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_out_of_range_are_refused() {
    let fixture = Fixture::new();
    let short = LocalBusConfig { dedupe_window: Duration::from_secs(119), ..LocalBusConfig::default() };
    let small = LocalBusConfig { max_bytes: 1, ..LocalBusConfig::default() };
    for config in [short, small] {
        let refusal = LocalBus::open(&fixture.file, config).await.err().expect("a refusal");
        assert!(matches!(refusal, BusError::Misconfigured(_)), "{refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_deleted_when_all_have_settled_them_and_the_window_is_over() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let (store, notifier) = (reader(&bus, "store").await, reader(&bus, "notifier").await);
    let messages = |range: std::ops::Range<usize>| range.map(|number| outgoing(format!("m{number}"), 100)).collect();
    assert!(bus.publish(messages(0..1500)).await.iter().all(Result::is_ok));
    assert_eq!(settle_all(&store).await, 1500);
    fixture.clock.advance(DEDUPE_WINDOW_MIN + Duration::from_secs(1));
    // These are as new as the window: they stay although everybody has settled them.
    assert!(bus.publish(messages(1500..1510)).await.iter().all(Result::is_ok));
    assert_eq!(settle_all(&store).await, 10);
    assert_eq!(fixture.held().await, 1510, "the notifier has not seen them");
    assert_eq!(settle_all(&notifier).await, 1510);
    eventually_held(&fixture, 10).await;
    // Within the window a known ID is known, after it the bus may forget.
    let again = bus.publish(vec![outgoing("m1500", 100), outgoing("m0", 100)]).await;
    assert!(again[0].as_ref().unwrap().duplicate && !again[1].as_ref().unwrap().duplicate);
    // Positions go on where they were, although the file was empty in between.
    fixture.clock.advance(DEDUPE_WINDOW_MIN + Duration::from_secs(1));
    assert_eq!((settle_all(&store).await, settle_all(&notifier).await), (1, 1));
    eventually_held(&fixture, 0).await;
    bus.close().await;
    drop((bus, store, notifier));
    let bus = fixture.open().await.expect("an open bus");
    let store = reader(&bus, "store").await;
    assert!(bus.publish(vec![outgoing("new", 1)]).await[0].is_ok());
    assert_eq!(settle_all(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_kept_while_nobody_consumes() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    assert!(bus.publish(vec![outgoing("a", 1)]).await[0].is_ok());
    fixture.clock.advance(DEDUPE_WINDOW_MIN * 10);
    bus.close().await;
    drop(bus);
    let bus = fixture.open().await.expect("an open bus");
    assert_eq!(settle_all(&reader(&bus, "store").await).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_bus_says_who_is_behind_and_takes_messages_again_when_they_are_settled() {
    let fixture = Fixture::new();
    let bus = fixture.open_with(16 * 1024 * 1024).await.expect("an open bus");
    let (store, notifier) = (reader(&bus, "store").await, reader(&bus, "notifier").await);
    let large = |number: usize| outgoing(format!("m{number}"), 1000 * 1000);
    let results = bus.publish((0..30).map(large).collect()).await;
    let taken = results.iter().take_while(|result| result.is_ok()).count();
    assert!((10..17).contains(&taken), "{taken} messages of a megabyte in 16 MiB");
    assert!(matches!(&results[taken], Err(BusError::Full(_))), "{:?}", results[taken]);
    assert!(results[taken..].iter().all(Result::is_err), "nothing overtakes what did not fit");
    assert_eq!(settle_all(&store).await, taken);
    let refusal = bus.publish(vec![large(99)]).await.remove(0).unwrap_err();
    assert!(matches!(&refusal, BusError::Full(text) if text.contains("`notifier`")), "{refusal:?}");
    assert_eq!(settle_all(&notifier).await, taken);
    fixture.clock.advance(DEDUPE_WINDOW_MIN + Duration::from_secs(1));
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = bus.publish(vec![large(99)]).await.remove(0) {
        assert!(matches!(error, BusError::Full(_)) && Instant::now() < deadline, "{}", error.chain());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_unavailable_until_it_is_released() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let consumer = reader(&bus, "store").await;
    assert!(bus.publish(vec![outgoing("a", 1)]).await[0].is_ok());
    let mut other = fixture.connect().await;
    let held = other.begin_with("BEGIN IMMEDIATE").await.expect("the write lock");
    let refused = bus.publish(vec![outgoing("b", 1), outgoing("c", 1)]).await;
    assert!(refused.iter().all(|result| matches!(result, Err(BusError::Unavailable(_)))), "{refused:?}");
    assert!(matches!(bus.check().await, Err(BusError::Unavailable(_))));
    // Readers go on, and what was settled meanwhile is not delivered again.
    let messages = consumer.fetch(10, Duration::ZERO).await.expect("fetched");
    let settlements = messages.into_iter().map(|message| Settlement { token: message.token, verdict: Verdict::Ack });
    assert!(matches!(consumer.settle(settlements.collect()).await, Err(BusError::Unavailable(_))));
    held.rollback().await.expect("the write lock is released");
    bus.check().await.expect("a bus that can write again");
    assert!(bus.publish(vec![outgoing("b", 1)]).await[0].is_ok());
    let position: i64 =
        sqlx::query_scalar("SELECT settled_through FROM consumer").fetch_one(&mut other).await.expect("a position");
    assert_eq!(position, 1, "the position was stored with the next write");
    assert_eq!(settle_all(&consumer).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_bus_answers_that_it_is_closed() {
    let fixture = Fixture::new();
    let bus = fixture.open().await.expect("an open bus");
    let consumer = reader(&bus, "store").await;
    let waiting = {
        let consumer = Arc::clone(&consumer);
        tokio::spawn(async move { consumer.fetch(1, Duration::from_mins(10)).await })
    };
    bus.close().await;
    assert!(matches!(waiting.await.unwrap(), Err(BusError::Unavailable(_))));
    assert!(matches!(bus.publish(vec![outgoing("a", 1)]).await[0], Err(BusError::Unavailable(_))));
    assert!(matches!(bus.check().await, Err(BusError::Unavailable(_))));
    assert!(
        bus.consumer(&ConsumerSpec { name: "x", reads: None, ack_wait: DEADLINE, unsettled_max: 1 }).await.is_err()
    );
    bus.close().await;
}

//! Which failures become events, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::observed::{Observed, Settings};
use fixtures::{FaultServer, Reply, answer, eventually, page};

/// A server whose behaviour a test changes while it runs.
fn switchable(behaviours: Vec<fn() -> Reply>) -> (FaultServer, Arc<AtomicUsize>) {
    let switch = Arc::new(AtomicUsize::new(0));
    let position = Arc::clone(&switch);
    let server = FaultServer::plain(move |_| behaviours[position.load(Ordering::SeqCst)]());
    (server, switch)
}

async fn watch(server: &FaultServer) -> Observed {
    Observed::start(&Settings { repositories: vec![server.repository()], insecure: true, ..Settings::default() }).await
}

#[tokio::test]
async fn a_lasting_failure_is_one_event_until_it_changes_or_a_reminder_is_due() {
    let (server, switch) =
        switchable(vec![|| answer("500 Oops", &[], ""), || answer("503 Later", &[], ""), || page(&[], &[]), || {
            answer("503 Later", &[], "")
        }]);
    let mut observed = watch(&server).await;
    let (_, first) = observed.next_cause().await;
    assert_eq!((&first["failing_since"], &first["failures"]), (&"2026-11-30T03:00:00Z".into(), &1.into()));
    observed.fails_again(5).await;
    assert_eq!(observed.more_events(), 0);

    // Another status is news, and the failure is as old as before.
    observed.clock.advance(Duration::from_mins(1));
    switch.store(1, Ordering::SeqCst);
    let (_, second) = observed.next_cause().await;
    assert_eq!((&second["http_status"], &second["failing_since"]), (&503.into(), &"2026-11-30T03:00:00Z".into()));
    observed.fails_again(5).await;
    assert_eq!(observed.more_events(), 0);

    // A day later it is worth saying again.
    observed.clock.advance(Duration::from_hours(24));
    let (_, third) = observed.next_cause().await;
    assert_eq!(third["http_status"], 503);
    assert!(third["failures"].as_u64().unwrap() > 10, "{third}");
    observed.fails_again(5).await;
    assert_eq!(observed.more_events(), 0);

    // What works makes no event, and the next failure is new.
    switch.store(2, Ordering::SeqCst);
    assert_eq!(observed.succeeded().await.tags, Some(0));
    assert_eq!(observed.more_events(), 0);
    switch.store(3, Ordering::SeqCst);
    let (_, fourth) = observed.next_cause().await;
    assert_eq!(fourth["failures"], 1);
    observed.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_published_breaks_nothing_and_is_published_once_later() {
    let server = FaultServer::plain(|_| answer("500 Oops", &[], ""));
    let mut observed = Observed::start(&Settings {
        repositories: vec![server.repository()],
        insecure: true,
        bus_is_down: true,
        ..Settings::default()
    })
    .await;
    observed.fails_again(3).await;
    assert_eq!(observed.more_events(), 0);
    observed.set_bus_down(false);
    // As it was when it was news.
    let (_, details) = observed.next_cause().await;
    assert_eq!(details["failures"], 1);
    observed.fails_again(3).await;
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test]
async fn a_registry_that_names_a_time_is_not_asked_before() {
    let (server, switch) =
        switchable(vec![|| answer("429 Too Many Requests", &["Retry-After: 120"], ""), || page(&[], &[])]);
    // Both repositories are at the registry that wants to be left alone.
    let mut observed = Observed::start(&Settings {
        repositories: vec![server.repository(), format!("{}/team/other", server.address)],
        insecure: true,
        ..Settings::default()
    })
    .await;
    let (code, details) = observed.next_cause().await;
    assert_eq!(code, "rate_limited");
    assert_eq!((&details["retry_after"], &details["retry_at"]), (&"120".into(), &"2026-11-30T03:02:00Z".into()));
    // Requests that were on their way when the answer came are done by the time of some held cycles.
    eventually("cycles that ask nothing", || observed.counted("catalog_listings", "held_back") >= 10).await;
    let asked = server.requests().len();
    assert!(asked <= 2, "{asked}");
    let held = observed.counted("catalog_listings", "held_back");
    eventually("cycles that ask nothing", || observed.counted("catalog_listings", "held_back") >= held + 10).await;
    assert_eq!(server.requests().len(), asked);

    switch.store(1, Ordering::SeqCst);
    observed.clock.advance(Duration::from_secs(119));
    let held = observed.counted("catalog_listings", "held_back");
    eventually("cycles that ask nothing", || observed.counted("catalog_listings", "held_back") >= held + 10).await;
    assert_eq!(server.requests().len(), asked);
    observed.clock.advance(Duration::from_secs(1));
    observed.succeeded().await;
    observed.stop().await;
}

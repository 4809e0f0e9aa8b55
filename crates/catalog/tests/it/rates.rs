//! Registries that want fewer requests.

use std::sync::Arc;
use std::time::Duration;

use event::{Clock, ManualClock};
use fixtures::{DatabaseKind, FaultServer, FreshDatabase, answer, eventually};

use crate::images;
use crate::observed::{Observed, Settings};

const PER_MINUTE: u16 = 10;

/// Twenty repositories and as many tags at a registry that answers 429 to everything, for ten minutes of the clock.
async fn check_ten_minutes(headers: &'static [&'static str]) -> usize {
    let server = FaultServer::plain(|_| answer("429 Too Many Requests", headers, ""));
    let names = (0..20).flat_map(|n| [format!("{}/team/{n}", server.address), format!("{}/tag/{n}:1", server.address)]);
    let mut observed = Observed::start(&Settings {
        repositories: names.collect(),
        insecure: true,
        requests_per_minute: Some(PER_MINUTE),
        image_watcher: Some(Duration::from_millis(20)),
        ..Settings::default()
    })
    .await;
    eventually("a request", || !server.requests().is_empty()).await;
    for _ in 0..600 {
        // Whoever may ask asks within a few cycles.
        tokio::time::sleep(Duration::from_millis(10)).await;
        observed.clock.advance(Duration::from_secs(1));
    }
    let requests = server.requests().len();
    assert!(requests <= 10 * usize::from(PER_MINUTE), "{requests} requests in ten minutes");
    let (code, details) = observed.next_cause().await;
    assert_eq!((code.as_str(), &details["http_status"]), ("rate_limited", &429.into()));
    assert_eq!(observed.more_events(), 0, "what a registry does to all is said once");
    observed.stop().await;
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_always_wants_fewer_requests_gets_few_and_makes_one_event() {
    let requests = check_ten_minutes(&[]).await;
    // It is left alone for a minute, then two, four, eight; four requests may be under way at a time.
    assert!((4..=20).contains(&requests), "{requests}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_names_no_real_time_gets_no_more_than_its_budget() {
    let requests = check_ten_minutes(&["Retry-After: 0"]).await;
    assert!(requests > 50, "it asks for it: {requests}");
}

#[tokio::test]
async fn a_registry_is_not_asked_while_none_of_its_requests_are_left() {
    let server = FaultServer::plain(|head| {
        if images::asks_manifest(head) {
            return images::image(head, &images::manifest("an image"));
        }
        answer("200 OK", &["RateLimit-Remaining: 0", "RateLimit-Reset: 90"], r#"{"tags":[]}"#)
    });
    let settings = Settings { repositories: vec![server.repository()], insecure: true, ..Settings::default() };
    let mut observed = Observed::start(&settings).await;
    observed.succeeded().await;
    let is_held = || observed.counted("catalog_listings", "held_back") >= 5;
    eventually("cycles that ask nothing", is_held).await;
    assert_eq!(server.requests().len(), 1);
    let until = observed.status().held_until.unwrap();
    assert_eq!(until.to_string(), "2026-11-30T03:01:30Z");
    observed.clock.set(until);
    eventually("another request", || server.requests().len() == 2).await;
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test]
async fn what_a_registry_refused_is_no_news_after_a_restart() {
    let server = FaultServer::plain(|_| answer("429 Too Many Requests", &["Retry-After: 1"], ""));
    let fresh = FreshDatabase::new(DatabaseKind::Sqlite);
    let names = (0..3).map(|n| format!("{}/team/{n}", server.address)).collect();
    let settings = Settings {
        repositories: names,
        insecure: true,
        database: Some(fresh.url.parse().unwrap()),
        ..Settings::default()
    };
    let mut observed = Observed::start(&settings).await;
    assert_eq!(observed.next_cause().await.0, "rate_limited");
    observed.stop().await;
    let clock = Arc::new(ManualClock::at("2026-11-30T04:00:00Z".parse().unwrap()));
    let mut observed = Observed::start_at(&settings, clock).await;
    for _ in 0..5 {
        let asked = server.requests().len();
        // An answer that is under way holds the registry back from when it is read.
        eventually("another request", || {
            observed.clock.advance(Duration::from_millis(100));
            server.requests().len() > asked
        })
        .await;
    }
    assert_eq!(observed.more_events(), 0, "at {}", observed.clock.now());
    observed.stop().await;
}

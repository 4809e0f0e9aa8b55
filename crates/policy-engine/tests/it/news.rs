//! Which failures become events, and when; and what is stale.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fixtures::eventually;
use serde_json::json;

use crate::documents::secdb;
use crate::engine::{Engine, Settings};
use crate::feed_server::{FeedServer, Reaction, answer, ok};

/// A server whose behaviour a test changes while it runs.
async fn switchable(reactions: Vec<fn() -> Reaction>) -> (FeedServer, Arc<AtomicUsize>) {
    let switch = Arc::new(AtomicUsize::new(0));
    let position = Arc::clone(&switch);
    let server = FeedServer::plain(move |_| reactions[position.load(Ordering::SeqCst)]()).await;
    (server, switch)
}

fn settings(server: &FeedServer) -> Settings {
    Settings::new(format!("[{{name: f, kind: alpine_secdb, url: '{}', groups: [v3.20/main]}}]", server.url()))
}

/// How often each of the events about the run, the feed and the group was told.
fn told(engine: &Engine) -> [usize; 6] {
    ["feed_sync_start", "feed_sync_fail", "feed_started", "feed_failed", "group_started", "group_failed"]
        .map(|event_type| engine.count(event_type))
}

#[tokio::test]
async fn a_lasting_failure_is_told_once_and_each_run_says_that_it_lasts() {
    let (server, switch) = switchable(vec![|| answer("500 Oops", &[], ""), || answer("503 Later", &[], ""), || {
        ok(secdb(&[("a", "CVE-1")]))
    }])
    .await;
    let mut engine = Engine::start(&settings(&server)).await;
    engine.runs_ended(1).await;
    assert_eq!(told(&engine), [1, 1, 1, 1, 1, 1]);
    for _ in 0..3 {
        engine.sync_all().await;
    }
    assert_eq!(told(&engine), [4, 4, 1, 1, 1, 1], "the page's events for each run, the others once");
    let details = engine.details("feed_sync_fail");
    assert!(details["groups"][0].as_str().unwrap().contains("unavailable since 2026-11-30T03:00:00Z"), "{details}");

    // A restart is no news.
    engine.stop().await;
    let engine = engine.start_again(&settings(&server)).await;
    engine.sync_all().await;
    assert_eq!(told(&engine), [1, 1, 0, 0, 0, 0]);

    // Another status is, and the failure is as old as before.
    switch.store(1, Ordering::SeqCst);
    engine.clock.advance(Duration::from_secs(1));
    engine.sync_all().await;
    assert_eq!(told(&engine), [2, 2, 1, 1, 1, 1]);
    let details = engine.details("group_failed");
    assert_eq!((&details["http_status"], &details["failures"]), (&json!(503), &json!(6)));
    assert_eq!(details["failing_since"], "2026-11-30T03:00:00Z");

    // A day later it is worth saying again.
    engine.clock.advance(Duration::from_hours(24));
    engine.sync_what_may_be_due().await;
    assert_eq!(told(&engine), [3, 3, 2, 2, 2, 2]);

    // What works again is told with its beginning, and the next failure is new.
    switch.store(2, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(told(&engine), [4, 3, 3, 2, 3, 2]);
    assert_eq!(engine.count("group_completed"), 1);
    switch.store(0, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(engine.details("group_failed")["failures"], 1);
}

#[tokio::test]
async fn what_is_due_is_synced_by_the_time() {
    let (server, switch) = switchable(vec![|| answer("500 Oops", &[], ""), || ok(secdb(&[("a", "CVE-1")]))]).await;
    let settings = Settings { change: |config| config.feed_sync = Duration::from_millis(20), ..settings(&server) };
    let engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    switch.store(1, Ordering::SeqCst);
    for run in 2..=4 {
        engine.clock.advance(Duration::from_millis(20));
        engine.runs_ended(run).await;
    }
    assert_eq!(told(&engine)[..2], [4, 1]);
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_sooner_and_retry_after_is_honoured() {
    let (server, switch) = switchable(vec![
        || answer("500 Oops", &[], ""),
        || answer("429 Too Many Requests", &["Retry-After: 3600"], ""),
        || answer("403 Forbidden", &[], ""),
    ])
    .await;
    let engine = Engine::start(&settings(&server)).await;
    engine.runs_ended(1).await;
    let next = async || engine.groups().await[0].next_sync_at.unwrap().seconds - 1_796_007_600;
    assert_eq!(next().await, 300);
    engine.sync_all().await;
    assert_eq!(next().await, 600);
    switch.store(1, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(next().await, 3600);
    switch.store(2, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(next().await, 6 * 3600, "what needs a person is asked in the usual cycle");
}

#[tokio::test]
async fn a_group_that_is_stale_is_told_once_and_by_the_reminder() {
    let (server, switch) = switchable(vec![|| ok(secdb(&[("a", "CVE-1")])), || answer("404 Not Found", &[], "")]).await;
    let settings = Settings { more: "stale_after: 12h".to_owned(), ..settings(&server) };
    // Looks often; the clock of the test decides what is due.
    let settings = Settings { change: |config| config.feed_sync = Duration::from_millis(20), ..settings };
    let engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    switch.store(1, Ordering::SeqCst);
    engine.clock.advance(Duration::from_hours(13));
    eventually("a stale group", || engine.count("group_stale") == 1).await;
    let details = engine.details("group_stale");
    assert_eq!(details["cause"]["code"], "not_found");
    assert!(details["msg"].as_str().unwrap().starts_with("the state of the group is 13h 0m old"), "{details}");
    assert_eq!(details["kept"]["records"], 1);
    assert!(engine.groups().await[0].is_stale);
    let runs = engine.count("feed_sync_fail");
    engine.clock.advance(Duration::from_secs(1));
    eventually("another run", || engine.count("feed_sync_fail") > runs).await;
    assert_eq!(engine.count("group_stale"), 1);
    engine.clock.advance(Duration::from_hours(24));
    eventually("a reminder", || engine.count("group_stale") == 2).await;
    switch.store(0, Ordering::SeqCst);
    engine.clock.advance(Duration::from_secs(1));
    eventually("a sync that works", || engine.count("group_completed") >= 2).await;
    assert!(!engine.groups().await[0].is_stale);
}

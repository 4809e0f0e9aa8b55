//! Several processes on one database, and processes that die.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fixtures::{DEADLINE, DatabaseKind, FreshDatabase, eventually};
use proto::policy_engine::v1::{ListFeedsRequest, SyncFeedsRequest};
use serde_json::json;
use tokio::sync::Semaphore;
use tonic::Code;

use crate::documents::{large_tracker, secdb};
use crate::engine::{Engine, Settings, as_admin, details};
use crate::feed_server::{FeedServer, Reaction, ok};

fixtures::on_both_databases!(
    one_syncs_and_the_other_says_so,
    what_a_dead_process_had_begun_is_told_to_have_failed,
    a_process_that_was_taken_for_dead_changes_nothing,
    an_event_is_told_once_although_the_process_dies_before_it_is,
    a_sync_that_dies_anywhere_leaves_the_old_state_or_the_new_one,
    a_stop_in_the_middle_is_told,
);

const GROUP: &str = "f/v3.20/main";

/// A server that answers when it is let.
struct Gated {
    server: FeedServer,
    gate: Arc<Semaphore>,
}

impl Gated {
    /// The first `free` requests are answered at once.
    async fn new(free: usize) -> Self {
        let gate = Arc::new(Semaphore::new(free));
        let behind = Arc::clone(&gate);
        let server = FeedServer::plain(move |_| match behind.try_acquire() {
            Ok(permit) => {
                permit.forget();
                ok(secdb(&[("a", "CVE-1")]))
            }
            Err(_) => Reaction::Hang,
        })
        .await;
        Self { server, gate }
    }

    fn settings(&self, fresh: &FreshDatabase) -> Settings {
        let feeds = format!("[{{name: f, kind: alpine_secdb, url: '{}', groups: [v3.20/main]}}]", self.server.url());
        Settings {
            database: Some(fresh.url.parse().unwrap()),
            // Nobody gives up in the time of a test.
            change: |config| config.limits.silence_timeout = Duration::from_mins(10),
            ..Settings::new(feeds)
        }
    }

    async fn asked(&self, times: usize) {
        eventually("a request", || self.server.requests().len() >= times).await;
    }
}

async fn one_syncs_and_the_other_says_so(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let gated = Gated::new(0).await;
    let one = Engine::start(&Settings { host_id: "one", ..gated.settings(&fresh) }).await;
    gated.asked(1).await;
    let two = Engine::start(&Settings { host_id: "two", ..gated.settings(&fresh) }).await;
    let refused = two.sync(SyncFeedsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted, "{refused:?}");
    let expected = "a sync is under way already: `f` on `one` since 2026-11-30T03:00:00Z";
    assert_eq!(refused.message(), expected);
    // Neither does its own timer begin, nor does the first begin twice.
    let refused = one.sync(SyncFeedsRequest::default()).await.unwrap_err();
    assert_eq!(refused.message(), expected);
    assert_eq!((two.told().len(), gated.server.requests().len()), (0, 1));
    let group = one.groups().await.remove(0);
    assert!(group.progress.is_some(), "{group:?}");
}

async fn what_a_dead_process_had_begun_is_told_to_have_failed(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let gated = Gated::new(0).await;
    let settings = gated.settings(&fresh);
    let mut one = Engine::start(&settings).await;
    gated.asked(1).await;
    eventually("what has begun", || one.told().len() == 3).await;
    one.kill().await;
    let two = one.start_again(&settings).await;
    let refused = two.sync(SyncFeedsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted, "it may still live: {refused:?}");
    two.clock.advance(Duration::from_secs(31));
    gated.gate.add_permits(1);
    two.sync_what_may_be_due().await;
    eventually("the end", || two.count("feed_sync_complete") == 1).await;
    let told = two.told();
    let expected = ["group_failed f/v3.20/main", "feed_failed f", "feed_sync_fail"];
    assert_eq!(told[..3], expected, "{told:?}");
    let details = two.events()[0].details.as_json().to_owned();
    assert!(details.contains(r#""code":"interrupted""#) && details.contains("has died"), "{details}");
    assert_eq!(two.count("group_completed"), 1, "{told:?}");
}

async fn a_process_that_was_taken_for_dead_changes_nothing(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let gated = Gated::new(0).await;
    // The clock of the first stands still, as that of a process that is paused.
    let one = Engine::start(&Settings { host_id: "one", ..gated.settings(&fresh) }).await;
    gated.asked(1).await;
    let two = Engine::start(&Settings { host_id: "two", ..gated.settings(&fresh) }).await;
    two.clock.advance(Duration::from_secs(31));
    gated.gate.add_permits(1);
    two.sync_what_may_be_due().await;
    eventually("the end", || two.count("feed_sync_complete") == 1).await;
    assert_eq!(two.count("group_completed"), 1);
    // Its request is answered at last, and what it has found counts no more.
    eventually("the first one's end", || one.told().len() == 3).await;
    let group = two.groups().await.remove(0);
    assert_eq!(group.records, Some(1));
    assert_eq!((one.count("group_completed"), one.count("group_failed")), (0, 0));
}

async fn an_event_is_told_once_although_the_process_dies_before_it_is(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let gated = Gated::new(1).await;
    let settings = gated.settings(&fresh);
    let mut one = Engine::start(&settings).await;
    one.set_bus_down(true);
    gated.asked(1).await;
    // Committed, and not told.
    let mut client = one.client();
    loop {
        let feeds = client.list_feeds(as_admin(ListFeedsRequest::default())).await.unwrap().into_inner().feeds;
        if feeds[0].groups[0].records.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = one.count("group_completed");
    one.kill().await;
    let two = one.start_again(&settings).await;
    // What another process has left behind is told after a minute.
    two.clock.advance(Duration::from_secs(61));
    gated.gate.add_permits(5);
    two.sync_what_may_be_due().await;
    eventually("what was left", || two.count("group_completed") >= 2 - before).await;
    let (one, two) = (one.events(), two.events());
    let completed: Vec<_> = one
        .iter()
        .chain(&two)
        .filter(|event| {
            event.event_type.ends_with("group_completed") && event.occurred_at.to_string().ends_with("03:00:00Z")
        })
        .collect();
    let ids: BTreeSet<_> = completed.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), 1, "{completed:?}");
}

/// Kills at many moments of a sync: after each, the group has all of the old records or all of the new ones.
async fn a_sync_that_dies_anywhere_leaves_the_old_state_or_the_new_one(kind: DatabaseKind) {
    const OLD: u64 = 2200;
    const NEW: u64 = 3300;
    let fresh = FreshDatabase::new(kind);
    let records = Arc::new(AtomicUsize::new(usize::try_from(OLD).unwrap()));
    let count = Arc::clone(&records);
    let server = FeedServer::plain(move |_| Reaction::Stream(large_tracker(count.load(Ordering::SeqCst) as u64))).await;
    let settings = Settings {
        database: Some(fresh.url.parse().unwrap()),
        ..Settings::new(format!("[{{name: f, kind: debian_tracker, url: '{}/json'}}]", server.url()))
    };
    let mut engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    let mut told = Vec::new();
    assert_eq!(engine.groups().await[0].records, Some(OLD.cast_signed()));
    records.store(usize::try_from(NEW).unwrap(), Ordering::SeqCst);
    let mut state = OLD;
    for pause in [0, 5, 20, 60, 120, 200, 300, 450] {
        let client = engine.client();
        let request = as_admin(SyncFeedsRequest::default());
        let syncing = tokio::spawn(async move { client.clone().sync_feeds(request).await.map(drop) });
        // A random moment is what is tested, nothing waits for it.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        engine.kill().await;
        let _ = syncing.await;
        engine.clock.advance(Duration::from_secs(31));
        let again = engine.start_again(&settings).await;
        let now = u64::try_from(again.groups().await[0].records.unwrap()).unwrap();
        assert!(now == state || now == NEW, "{now} records after {pause} ms, {state} before");
        let rows = rows_in_effect(&again).await;
        assert_eq!(rows, now, "after {pause} ms");
        told.extend(engine.events());
        state = now;
        engine = again;
    }
    // What the last one has left behind is told after a minute.
    engine.clock.advance(Duration::from_secs(61));
    engine.sync_what_may_be_due().await;
    let clean = async {
        while [rows_in_effect(&engine).await, rows(&engine, "").await] != [NEW, NEW] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, clean).await.expect("what was left behind is swept");
    told.extend(engine.events());
    let is_new = |event: &&event::Event| {
        let result = details(event)["result"].take();
        result["outcome"] == "updated" && result["records"] == NEW
    };
    let ids: BTreeSet<_> = told.iter().filter(is_new).map(|event| event.id).collect();
    assert_eq!(ids.len(), 1, "the new state took effect once, and was told once");
}

async fn rows_in_effect(engine: &Engine) -> u64 {
    rows(engine, "WHERE generation = (SELECT generation FROM feed_groups WHERE id = group_id)").await
}

async fn rows(engine: &Engine, condition: &str) -> u64 {
    use sea_orm::{ConnectionTrait, Statement};
    let reader = engine.database.reader();
    let sql = format!("SELECT COUNT(*) AS count FROM feed_records {condition}");
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let row = reader.query_one_raw(statement).await.unwrap().unwrap();
    u64::try_from(row.try_get::<i64>("", "count").unwrap()).unwrap()
}

async fn a_stop_in_the_middle_is_told(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let gated = Gated::new(1).await;
    let settings = gated.settings(&fresh);
    let mut one = Engine::start(&settings).await;
    one.runs_ended(1).await;
    // Not due, but asked for.
    let mut client = one.client();
    let request = as_admin(SyncFeedsRequest::default());
    let syncing = tokio::spawn(async move { client.sync_feeds(request).await.map(drop) });
    gated.asked(2).await;
    one.stop().await;
    let _ = syncing.await;
    let details = one.details("group_failed");
    assert_eq!(details["cause"]["code"], "interrupted");
    assert_eq!(one.last("group_failed").resource.id.as_deref(), Some(GROUP));
    assert_eq!(one.details("feed_sync_fail")["cause"]["retryable"], json!(true));
    // It is synced at once by the next one, without being asked for.
    gated.gate.add_permits(1);
    let two = one.start_again(&settings).await;
    two.runs_ended(1).await;
    assert_eq!(two.count("group_completed"), 1);
}

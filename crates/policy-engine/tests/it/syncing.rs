//! What a sync finds out, and how cheaply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::policy_engine::v1::{Outcome, SyncFeedsRequest};
use serde_json::{Value, json};
use tonic::Code;

use crate::documents::{gzip, secdb, tracker};
use crate::engine::{Engine, PASSWORD, Settings, as_user};
use crate::feed_server::{FeedServer, Reaction, answer, ok, path_of};

pub type Behaviour = Box<dyn Fn(&str) -> Reaction + Send + Sync>;

/// A server that goes over to the next of `behaviours` when it is told to.
pub async fn switchable(behaviours: Vec<Behaviour>) -> (FeedServer, Arc<AtomicUsize>) {
    let switch = Arc::new(AtomicUsize::new(0));
    let position = Arc::clone(&switch);
    let server = FeedServer::plain(move |head| behaviours[position.load(Ordering::SeqCst)](head)).await;
    (server, switch)
}

pub fn feed(kind: &str, url: &str, group: &str) -> Settings {
    Settings::new(format!("[{{name: f, kind: {kind}, url: '{url}', groups: ['{group}']}}]"))
}

pub fn result(engine: &Engine) -> Value {
    let mut result = engine.details("group_completed")["result"].take();
    let object = result.as_object_mut().unwrap();
    object.remove("downloaded_bytes");
    object.remove("duration_ms");
    result
}

pub fn expected(outcome: &str, by: &str, records: u64, [added, changed, withdrawn, skipped]: [u64; 4]) -> Value {
    json!({"outcome": outcome, "compared_by": by, "records": records, "added": added, "changed": changed,
           "withdrawn": withdrawn, "skipped": skipped})
}

#[tokio::test]
async fn a_secdb_is_counted_against_what_was_there() {
    let (server, switch) = switchable(vec![
        Box::new(|_| {
            ok(secdb(&[
                ("a", "CVE-1"),
                ("a2", "CVE-2"),
                ("b", "CVE-1"),
                ("c", "CVE-1"),
                ("d", "CVE-1"),
                ("e", "CVE-1"),
            ]))
        }),
        Box::new(|_| {
            let changed = secdb(&[
                ("a", "CVE-1"),
                ("a2", "CVE-2"),
                ("b", "CVE-1"),
                ("c", "CVE-1"),
                ("d", "CVE-1"),
                ("n", "CVE-9"),
            ]);
            ok(changed.replacen("1.36.0-r16", "1.36.0-r17", 1))
        }),
    ])
    .await;
    let mut engine = Engine::start(&feed("alpine_secdb", &server.url(), "v3.20/main")).await;
    engine.runs_ended(1).await;
    assert_eq!(result(&engine), expected("updated", "whole", 6, [6, 0, 0, 0]));
    assert_eq!(
        engine.told(),
        [
            "feed_sync_start",
            "feed_started f",
            "group_started f/v3.20/main",
            "group_completed f/v3.20/main",
            "feed_completed f",
            "feed_sync_complete"
        ]
    );
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("unchanged", "whole", 6, [0, 0, 0, 0]), "the server knows no conditions");
    switch.store(1, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("updated", "whole", 6, [1, 1, 1, 0]));
    let groups = engine.groups().await;
    assert_eq!((groups[0].records, groups[0].is_stale), (Some(6), false));
    assert_eq!(server.paths(), ["/v3.20/main.json"; 3]);
    assert!(engine.metrics().contains("policy_engine_records_total{change=\"withdrawn\"} 1\n"));
    assert!(engine.metrics().contains("policy_engine_group_records{feed=\"f\",group=\"v3.20/main\"} 6\n"));
    engine.stop().await;
}

#[tokio::test]
async fn events_are_as_the_page_shows_them() {
    let server = FeedServer::plain(|_| ok(secdb(&[("a", "CVE-1")]))).await;
    let engine = Engine::start(&feed("alpine_secdb", &server.url(), "v3.20/main")).await;
    engine.runs_ended(1).await;
    for (event_type, message) in
        [("feed_sync_start", "Feed sync started"), ("feed_sync_complete", "Feed sync completed")]
    {
        let event = engine.last(event_type);
        assert_eq!((event.level, event.message.as_str()), (event::Level::Info, message));
        assert_eq!(event.source.service.as_deref(), Some("policy_engine"));
        assert_eq!(event.source.host_id.as_deref(), Some("test-host"));
        assert_eq!((event.resource.account.as_str(), event.resource.id), ("admin", None));
        assert_eq!(event.resource.resource_type.as_deref(), Some("feeds"));
        assert_eq!(crate::engine::details(&engine.last(event_type))["sync_feed_types"], "all");
    }
    assert_eq!(engine.details("feed_sync_start"), json!({"sync_feed_types": "all"}));
}

#[tokio::test]
async fn what_a_server_says_is_unchanged_is_not_downloaded() {
    let server = FeedServer::plain(|head| {
        let head = head.to_lowercase();
        if head.contains("if-none-match: \"v1\"") && head.contains("if-modified-since: thu, 01 jan 2026") {
            return answer("304 Not Modified", &[], "");
        }
        let headers = ["ETag: \"v1\"", "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", "Content-Encoding: gzip"];
        answer("200 OK", &headers, gzip(secdb(&[("a", "CVE-1"), ("b", "CVE-2")])))
    })
    .await;
    let settings = feed("alpine_secdb", &server.url(), "v3.20/main");
    let mut engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    assert_eq!(result(&engine), expected("updated", "whole", 2, [2, 0, 0, 0]));
    assert!(server.requests()[0].to_lowercase().contains("accept-encoding: gzip"));
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("unchanged", "condition", 2, [0, 0, 0, 0]));
    assert_eq!(engine.details("feed_sync_complete")["outcome"], "unchanged");
    assert_eq!(engine.details("group_completed")["result"]["downloaded_bytes"], 0);
    // Another process knows it too.
    engine.stop().await;
    let again = engine.start_again(&settings).await;
    again.sync_all().await;
    assert_eq!(result(&again), expected("unchanged", "condition", 2, [0, 0, 0, 0]));
}

#[tokio::test]
async fn a_tracker_is_counted_and_its_order_does_not_matter() {
    let records = [("a", "CVE-1", "open"), ("b", "CVE-2", "resolved"), ("c", "CVE-3", "open")];
    let mut reversed = records;
    reversed.reverse();
    reversed[0].2 = "resolved";
    let (server, switch) =
        switchable(vec![Box::new(move |_| ok(tracker(&records))), Box::new(move |_| ok(tracker(&reversed)))]).await;
    let settings = Settings::new(format!("[{{name: debian, kind: debian_tracker, url: '{}/tracker'}}]", server.url()));
    let engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    assert_eq!(result(&engine), expected("updated", "whole", 3, [3, 0, 0, 0]));
    switch.store(1, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("updated", "whole", 3, [0, 1, 0, 0]));
    assert_eq!(server.paths(), ["/tracker/data/json"; 2]);
    assert!(engine.told().contains(&"group_completed debian/all".to_owned()));
}

#[tokio::test]
async fn a_partial_success_is_complete_and_says_what_failed() {
    let server = FeedServer::plain(|head| match path_of(head).unwrap() {
        "/v3.20/main.json" => ok(secdb(&[("a", "CVE-1")])),
        path => answer("500 Oops", &[], path),
    })
    .await;
    let settings = Settings::new(format!(
        "[{{name: f, kind: alpine_secdb, url: '{}', groups: [v3.20/main, v3.19/main]}}]",
        server.url()
    ));
    let engine = Engine::start(&settings).await;
    engine.runs_ended(1).await;
    for event_type in ["feed_completed", "feed_sync_complete"] {
        let details = engine.details(event_type);
        assert_eq!(
            (&details["outcome"], &details["synced"], &details["failed"]),
            (&json!("partial"), &json!(1), &json!(1))
        );
        let groups = details["groups"].as_array().unwrap();
        assert_eq!((&groups[0]["group"], &groups[0]["code"]), (&json!("f/v3.19/main"), &json!("unavailable")));
        assert_eq!((&groups[1]["group"], &groups[1]["outcome"]), (&json!("f/v3.20/main"), &json!("updated")));
    }
    assert_eq!((engine.count("feed_sync_fail"), engine.count("feed_failed"), engine.count("group_failed")), (0, 0, 1));
}

#[tokio::test]
async fn a_failed_group_keeps_its_state_and_says_how_old_it_is() {
    let (server, switch) = switchable(vec![
        Box::new(|_| answer("200 OK", &["ETag: \"v1\""], secdb(&[("a", "CVE-1"), ("b", "CVE-1")]))),
        Box::new(|_| ok(r#"{"packages": [{"pkg": {"name": "c", "secfixes": {"1": ["CVE-1"]}}}, "#)),
        Box::new(|head| {
            assert!(head.contains("if-none-match: \"v1\""), "a failure changes nothing: {head}");
            answer("304 Not Modified", &[], "")
        }),
    ])
    .await;
    let engine = Engine::start(&feed("alpine_secdb", &server.url(), "v3.20/main")).await;
    engine.runs_ended(1).await;
    switch.store(1, Ordering::SeqCst);
    engine.clock.advance(std::time::Duration::from_mins(90));
    engine.sync_all().await;
    let details = engine.details("group_failed");
    assert_eq!(details["kept"], json!({"records": 2, "synced_at": "2026-11-30T03:00:00Z", "age": "1h 30m"}));
    let details = engine.details("feed_sync_fail");
    assert_eq!(
        details["groups"][0],
        "f/v3.20/main: parse since 2026-11-30T04:30:00Z, keeps 2 records of 2026-11-30T03:00:00Z"
    );
    assert_eq!(details["sync_feed_types"], "all");
    let group = engine.groups().await.remove(0);
    assert_eq!(group.records, Some(2));
    let result = group.last_result.unwrap();
    assert_eq!((result.outcome(), result.cause.unwrap().code.as_str()), (Outcome::Failed, "parse"));
    switch.store(2, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(self::result(&engine), expected("unchanged", "condition", 2, [0, 0, 0, 0]));
}

#[tokio::test]
async fn a_drop_of_more_than_a_fifth_is_refused_unless_somebody_accepts_it() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let first = |count: usize| {
        let records: Vec<(&str, &str)> = names[..count].iter().map(|name| (*name, "CVE-1")).collect();
        secdb(&records)
    };
    let (ten, eight, seven) = (first(10), first(8), first(6));
    let (server, switch) =
        switchable(vec![Box::new(move |_| ok(&ten)), Box::new(move |_| ok(&eight)), Box::new(move |_| ok(&seven))])
            .await;
    let engine = Engine::start(&feed("alpine_secdb", &server.url(), "v3.20/main")).await;
    engine.runs_ended(1).await;
    switch.store(1, Ordering::SeqCst);
    engine.sync_all().await;
    assert_eq!(result(&engine), expected("updated", "whole", 8, [0, 0, 2, 0]), "a fifth is no drop");
    switch.store(2, Ordering::SeqCst);
    assert_eq!(engine.sync_all().await.failed, 1);
    let details = engine.details("group_drop_refused");
    assert_eq!(details["cause"]["code"], "implausible");
    assert_eq!((&details["records_before"], &details["records_now"]), (&json!(8), &json!(6)));
    assert!(details["cause"]["hint"].as_str().unwrap().contains("feeds sync f/v3.20/main --accept-drop"), "{details}");
    assert_eq!((engine.count("group_failed"), engine.groups().await[0].records), (0, Some(8)));
    let request = |feed: &str, group: &str| SyncFeedsRequest {
        feed: feed.to_owned(),
        group: group.to_owned(),
        accept_drop: true,
    };
    assert_eq!(engine.sync(request("f", "")).await.unwrap_err().code(), Code::InvalidArgument);
    let (groups, summary) = engine.sync(request("f", "v3.20/main")).await.unwrap();
    assert_eq!((summary.synced, groups.last().unwrap().records), (1, Some(6)));
}

#[tokio::test]
async fn a_feed_that_comes_from_elsewhere_begins_anew() {
    let server = FeedServer::plain(|head| {
        if path_of(head) == Some("/a/v3.20/main.json") {
            return answer("200 OK", &["ETag: \"v1\""], secdb(&[("a", "1"), ("b", "1"), ("c", "1")]));
        }
        assert!(!head.contains("if-none-match"), "{head}");
        ok(secdb(&[("a", "1")]))
    })
    .await;
    let settings = |path: &str| feed("alpine_secdb", &format!("{}/{path}", server.url()), "v3.20/main");
    let mut engine = Engine::start(&settings("a")).await;
    engine.runs_ended(1).await;
    engine.stop().await;
    let again = engine.start_again(&settings("b")).await;
    again.runs_ended(1).await;
    assert_eq!(result(&again), expected("updated", "whole", 1, [1, 0, 0, 0]));
}

#[tokio::test]
async fn only_admins_sync_and_only_what_is_configured() {
    let server = FeedServer::plain(|_| ok(secdb(&[("a", "CVE-1")]))).await;
    let engine = Engine::start(&feed("alpine_secdb", &server.url(), "v3.20/main")).await;
    engine.runs_ended(1).await;
    let request = |feed: &str, group: &str| SyncFeedsRequest {
        feed: feed.to_owned(),
        group: group.to_owned(),
        accept_drop: false,
    };
    let refused = engine.client().sync_feeds(as_user("bob", PASSWORD, SyncFeedsRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let refused = engine.client().sync_feeds(as_user("bob", "wrong", SyncFeedsRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    let check = async |feed: &str, group: &str, code: Code, part: &str| {
        let refused = engine.sync(request(feed, group)).await.unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(refused.message().contains(part), "{refused:?}");
    };
    check("g", "", Code::NotFound, "no feed `g` is configured, expected one of `f`").await;
    check("f", "x", Code::NotFound, "the feed `f` has no group `x`, expected one of `v3.20/main`").await;
    check("", "x", Code::InvalidArgument, "feed: missing").await;
    let (groups, summary) = engine.sync(request("f", "v3.20/main")).await.unwrap();
    assert_eq!((summary.synced, summary.failed), (1, 0));
    assert!(groups.last().unwrap().progress.is_none());
    assert_eq!(engine.details("feed_sync_start")["sync_feed_types"], json!(["f/v3.20/main"]));
    let nothing = Engine::start(&Settings::new("[]")).await;
    let refused = nothing.sync(SyncFeedsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    assert!(nothing.told().is_empty(), "nothing to sync is nothing to tell");
}

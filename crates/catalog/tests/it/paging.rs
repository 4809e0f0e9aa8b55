//! Listings of more than one page.

use crate::images;
use crate::observed::{Observed, Settings};
use fixtures::{FaultServer, Reply, answer, page};

async fn watch(server: &FaultServer) -> Observed {
    Observed::start(&Settings { repositories: vec![server.repository()], insecure: true, ..Settings::default() }).await
}

async fn check(behaviour: fn(&str) -> Reply, expected: &str, part: &str) {
    let server = FaultServer::plain(behaviour);
    let mut observed = watch(&server).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!(code, expected);
    assert!(details["msg"].as_str().unwrap().contains(part), "{details}");
    observed.stop().await;
}

#[tokio::test]
async fn every_page_is_read() {
    let server = FaultServer::plain(|head| match head.split_once("last=").map(|(_, rest)| &rest[..1]) {
        _ if images::asks_manifest(head) => images::image(head, &images::manifest("an image")),
        None => page(&["a", "b"], &["Link: </v2/team/app/tags/list?last=b&n=2>; rel=\"next\""]),
        Some("b") => page(&["c", "d"], &["Link: <?last=d&n=2>; rel=next"]),
        Some(_) => page(&["e"], &[]),
    });
    let mut observed = watch(&server).await;
    assert_eq!(observed.succeeded().await.tags, Some(5));
    assert_eq!(observed.more_events(), 0);
    assert!(server.requests()[0].starts_with("GET /v2/team/app/tags/list?n=1000 HTTP/1.1"));
    observed.stop().await;
}

#[tokio::test]
async fn pages_that_lead_back_are_noticed() {
    check(|_| page(&["a"], &["Link: </v2/team/app/tags/list?n=1000>; rel=next"]), "parse", "one that came before")
        .await;
}

#[tokio::test]
async fn pages_that_bring_nothing_new_are_noticed() {
    let behaviour = |head: &str| {
        // A new address each time, and always the same tags.
        let next = head.split_once("last=").map_or(0, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap()) + 1;
        page(&["a", "b"], &[&format!("Link: </v2/team/app/tags/list?last={next}>; rel=next")])
    };
    check(behaviour, "parse", "after one that brought no new tag").await;
}

#[tokio::test]
async fn a_page_at_another_host_is_not_asked_for() {
    check(|_| page(&["a"], &["Link: <http://evil.example/x>; rel=next"]), "parse", "at another host").await;
}

#[tokio::test]
async fn pages_without_end_are_too_many() {
    let behaviour = |head: &str| {
        let next = head.split_once("last=").map_or(0, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap()) + 1;
        page(&[&next.to_string()], &[&format!("Link: </v2/team/app/tags/list?last={next}>; rel=next")])
    };
    check(behaviour, "too_large", "more than 500 pages").await;
}

#[tokio::test]
async fn a_failure_on_a_later_page_is_a_failure() {
    let behaviour = |head: &str| {
        if head.contains("last=") { answer("500 Oops", &[], "") } else { page(&["a"], &["Link: <?last=a>; rel=next"]) }
    };
    check(behaviour, "unavailable", "500").await;
}

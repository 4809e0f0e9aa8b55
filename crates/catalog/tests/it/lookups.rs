//! What tags mean, at registries that tell it in their own ways.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fixtures::{DatabaseKind, FaultServer, FreshDatabase, Reply, answer, eventually, page, sha256};

use crate::images;
use crate::observed::{Observed, Settings};

/// Looks every tag up all the time.
fn eager(server: &FaultServer) -> Settings<'static> {
    Settings {
        repositories: vec![server.repository()],
        insecure: true,
        image_watcher: Some(Duration::from_millis(20)),
        ..Settings::default()
    }
}

/// A registry whose tag `1` means what a test sets, and which answers requests for it by `reply`.
fn switchable(
    contents: &'static [&'static str],
    reply: impl Fn(&str, &str) -> Reply + Send + Sync + 'static,
) -> (FaultServer, Arc<AtomicUsize>) {
    let switch = Arc::new(AtomicUsize::new(0));
    let position = Arc::clone(&switch);
    let server = FaultServer::plain(move |head| {
        let content = contents[position.load(Ordering::SeqCst)];
        if images::asks_manifest(head) { reply(head, content) } else { page(&["1"], &[]) }
    });
    (server, switch)
}

fn asked(server: &FaultServer, method: &str) -> usize {
    server.requests().iter().filter(|head| head.starts_with(method) && images::asks_manifest(head)).count()
}

async fn check_moves(reply: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> FaultServer {
    let (server, switch) = switchable(&["first", "second"], reply);
    let mut observed = Observed::start(&eager(&server)).await;
    observed.knows_what_was_there().await;
    switch.store(1, Ordering::SeqCst);
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!(event_type, "tag_update");
    let digests = ["first", "second"].map(|content| sha256(images::manifest(content).as_bytes()));
    assert_eq!(
        (&details["old_digest"], &details["new_digest"]),
        (&digests[0].clone().into(), &digests[1].clone().into())
    );
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
    server
}

#[tokio::test]
async fn a_registry_that_answers_no_head_is_asked_for_manifests() {
    let server = check_moves(|head, content| {
        if head.starts_with("HEAD") {
            return answer("405 Method Not Allowed", &[], "");
        }
        images::image(head, &images::manifest(content))
    })
    .await;
    assert_eq!(asked(&server, "HEAD"), 1, "it is not asked in vain again");
    assert!(asked(&server, "GET") >= 2);
}

#[tokio::test]
async fn a_registry_that_announces_no_digest_is_asked_for_manifests() {
    check_moves(|head, content| {
        let content_type = format!("Content-Type: {}", images::OCI_MANIFEST);
        let manifest = images::manifest(content);
        answer("200 OK", &[&content_type], if head.starts_with("HEAD") { "" } else { &manifest })
    })
    .await;
}

#[tokio::test]
async fn what_has_not_changed_costs_one_head() {
    let (server, _) = switchable(&["first"], |head, content| images::image(head, &images::manifest(content)));
    let observed = Observed::start(&eager(&server)).await;
    eventually("lookups", || asked(&server, "HEAD") >= 5).await;
    assert_eq!(asked(&server, "GET"), 0);
    let one_sweep = Observed::start(&Settings { image_watcher: None, ..eager(&server) }).await;
    one_sweep.knows_what_was_there().await;
    observed.stop().await;
    let heads = asked(&server, "HEAD");
    one_sweep.lists_again(10).await;
    assert!(asked(&server, "HEAD") <= heads + 1, "listing alone looks nothing up");
    one_sweep.stop().await;
}

#[tokio::test]
async fn a_manifest_that_cannot_be_used_is_told_once_and_known_again_when_it_changes() {
    let (server, switch) = switchable(&["first", "", "third"], |head, content| {
        let manifest = if content.is_empty() { "garbage".to_owned() } else { images::manifest(content) };
        images::image(head, &manifest)
    });
    let fresh = FreshDatabase::new(DatabaseKind::Sqlite);
    let settings = Settings { database: Some(fresh.url.parse().unwrap()), ..eager(&server) };
    let mut observed = Observed::start(&settings).await;
    observed.knows_what_was_there().await;
    switch.store(1, Ordering::SeqCst);
    let (event_type, resource, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), resource), ("tag_manifest_parse_fail", format!("{}:1", server.repository())));
    assert_eq!((&details["cause"]["code"], &details["digest"]), (&"parse".into(), &sha256(b"garbage").into()));
    let fetched = asked(&server, "GET");
    observed.lists_again(10).await;
    assert_eq!((observed.more_events(), asked(&server, "GET")), (0, fetched), "it is not asked for again");
    observed.stop().await;

    let mut observed = Observed::start(&settings).await;
    observed.lists_again(10).await;
    assert_eq!((observed.more_events(), asked(&server, "GET")), (0, fetched), "nor after a restart");
    switch.store(2, Ordering::SeqCst);
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), &details["old_digest"]), ("tag_update", &sha256(b"garbage").into()));
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 1));
    observed.stop().await;
}

#[tokio::test]
async fn a_damaged_transfer_is_tried_again_at_the_time_of_the_next_lookup() {
    let (server, switch) = switchable(&["first", "second"], |head, content| {
        let manifest = images::manifest(content);
        if content == "second" && head.starts_with("GET") {
            // A blank more, which another digest has.
            let digest = format!("Docker-Content-Digest: {}", sha256(manifest.as_bytes()));
            return answer("200 OK", &[&digest], manifest + " ");
        }
        images::image(head, &manifest)
    });
    let settings = Settings { image_watcher: Some(Duration::from_secs(1)), ..eager(&server) };
    let mut observed = Observed::start(&settings).await;
    observed.knows_what_was_there().await;
    switch.store(1, Ordering::SeqCst);
    assert_eq!(observed.next_cause().await.0, "checksum");
    let fetched = asked(&server, "GET");
    observed.lists_again(10).await;
    assert!(asked(&server, "GET") <= fetched + 1, "a failure is no reason to ask more");
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

//! Tags that come, move and go, at Debian's docker-registry.

use std::sync::Arc;
use std::time::Duration;

use event::{Level, ManualClock};
use fixtures::{DatabaseKind, FreshDatabase, RegistryAccess, RegistryServer, eventually};
use serde_json::{Value, json};

use crate::observed::{CALM, Observed, Settings};

fixtures::on_both_databases!(
    tags_that_come_move_and_go_are_told_once,
    a_restart_repeats_nothing_and_misses_nothing,
    one_tag_is_watched_alone
);

/// Looks at everything all the time.
fn eager(names: Vec<String>, fresh: &FreshDatabase) -> Settings<'static> {
    Settings {
        repositories: names,
        repo_watcher: Some(CALM),
        insecure: true,
        image_watcher: Some(Duration::from_millis(50)),
        database: Some(fresh.url.parse().unwrap()),
        ..Settings::default()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-30T03:00:00Z".parse().unwrap()))
}

fn check_change(details: &Value, old: Option<&str>, new: Option<&str>) {
    assert_eq!((&details["old_digest"], &details["new_digest"]), (&json!(old), &json!(new)), "{details}");
}

async fn tags_that_come_move_and_go_are_told_once(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let first = registry.pusher().push("team/app", "1.0", "first");
    let name = registry.repository("team/app");
    let mut observed = Observed::start(&eager(vec![name.clone()], &fresh)).await;
    observed.knows_what_was_there().await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0), "what was there was there before");

    let second = registry.pusher().push("team/app", "1.1", "second");
    let event = observed.next_event().await;
    assert_eq!((event.event_type.as_str(), event.level), ("tag_add", Level::Info));
    assert_eq!(event.resource.account.as_str(), "alice");
    assert_eq!(event.resource.resource_type.as_deref(), Some("image_tag"));
    assert_eq!(event.resource.id, Some(format!("{name}:1.1")));
    let details: Value = serde_json::from_str(event.details.as_json()).unwrap();
    check_change(&details, None, Some(&second));
    assert_eq!((&details["content"], &details["tag"]), (&"image".into(), &"1.1".into()));
    let job = observed.next_job().await;
    assert_eq!(details["analysis_job"], job.id.to_string());
    assert_eq!((job.repository.as_str(), job.account.as_str(), job.insecure), (name.as_str(), "alice", true));
    assert_eq!((job.tag.as_deref(), job.digest), (Some("1.1"), Some(second.clone())));

    let third = registry.pusher().push("team/app", "1.0", "third");
    let (event_type, resource, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), resource), ("tag_update", format!("{name}:1.0")));
    check_change(&details, Some(&first), Some(&third));
    assert_eq!(observed.next_job().await.digest, Some(third));

    registry.pusher().delete("team/app", &second);
    let (event_type, resource, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), resource), ("tag_delete", format!("{name}:1.1")));
    check_change(&details, Some(&second), None);

    observed.lists_again(5).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0));
    assert_eq!(observed.status().tags, Some(1));
    for change in ["add", "update", "delete"] {
        assert_eq!(observed.counted("catalog_tag_changes", change), 1, "{change}");
    }
    observed.stop().await;
}

async fn a_restart_repeats_nothing_and_misses_nothing(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let push = |tag: &str, content: &str| registry.pusher().push("team/app", tag, content);
    for tag in ["kept", "moved", "gone"] {
        push(tag, tag);
    }
    let settings = eager(vec![registry.repository("team/app"), registry.repository("team/nothing")], &fresh);
    let mut observed = Observed::start(&settings).await;
    assert_eq!(observed.next_cause().await.0, "not_found");
    observed.knows_what_was_there().await;
    observed.stop().await;

    let mut observed = Observed::start_at(&settings, clock()).await;
    observed.lists_again(5).await;
    observed.fails_again(3).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0), "neither what is there nor what still fails");
    observed.stop().await;

    let moved = push("moved", "moved on");
    let gone = push("gone", "gone for good");
    registry.pusher().delete("team/app", &gone);
    push("new", "new");
    let mut observed = Observed::start_at(&settings, clock()).await;
    let mut news = Vec::new();
    for _ in 0..3 {
        let (event_type, resource, details) = observed.next_news().await;
        let tag = resource.rsplit(':').next().unwrap().to_owned();
        if tag == "moved" {
            assert_eq!(details["new_digest"], moved);
        }
        news.push((event_type, tag));
    }
    news.sort();
    let expected = [("tag_add", "new"), ("tag_delete", "gone"), ("tag_update", "moved")];
    assert_eq!(news, expected.map(|(event_type, tag)| (event_type.to_owned(), tag.to_owned())));
    observed.lists_again(5).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 2));
    observed.stop().await;
}

async fn one_tag_is_watched_alone(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let name = format!("{}:stable", registry.repository("team/app"));
    registry.pusher().push("team/app", "other", "other");
    let mut observed = Observed::start(&eager(vec![name.clone()], &fresh)).await;
    // It was named, so that it is not there is a failure; once.
    let (event_type, resource, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), resource), ("system.image_analysis.registry_lookup_failed", name.clone()));
    assert_eq!(details["cause"]["code"], "not_found");
    observed.fails_again(3).await;
    assert_eq!(observed.more_events(), 0);

    // Whoever names a tag wants to know about it, from the first sight.
    let first = registry.pusher().push("team/app", "stable", "first");
    let (event_type, resource, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), resource), ("tag_add", name.clone()));
    check_change(&details, None, Some(&first));
    assert_eq!(observed.next_job().await.digest.as_ref(), Some(&first));

    let second = registry.pusher().push("team/app", "stable", "second");
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!(event_type, "tag_update");
    check_change(&details, Some(&first), Some(&second));

    registry.pusher().delete("team/app", &second);
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!(event_type, "tag_delete");
    check_change(&details, Some(&second), None);
    let looked_up = observed.counted("catalog_lookups", "not_found");
    eventually("more lookups", || observed.counted("catalog_lookups", "not_found") > looked_up + 3).await;
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 1), "gone is gone");

    registry.pusher().push("team/app", "stable", "third");
    assert_eq!(observed.next_news().await.0, "tag_add");
    observed.stop().await;
}

#[tokio::test]
async fn what_is_no_image_is_told_and_not_analysed() {
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    let pusher = registry.pusher();
    pusher.push("team/app", "1.0", "first");
    let fresh = FreshDatabase::new(DatabaseKind::Sqlite);
    let mut observed = Observed::start(&eager(vec![registry.repository("team/app")], &fresh)).await;
    observed.knows_what_was_there().await;
    let config = pusher.push_blob("team/app", b"{}", "application/vnd.cncf.helm.config.v1+json");
    let media_type = crate::images::OCI_MANIFEST;
    let chart = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []});
    pusher.push_manifest("team/app", "chart", media_type, chart.to_string().as_bytes());
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!(
        (event_type.as_str(), &details["content"], &details["analysis_job"]),
        ("tag_add", &"artifact".into(), &Value::Null)
    );

    let image = json!({"mediaType": media_type, "digest": pusher.push("team/app", "1.0", "first"), "size": 2,
        "platform": {"os": "linux", "architecture": "amd64"}});
    let index_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": index_type, "manifests": [image]});
    pusher.push_manifest("team/app", "multi", index_type, index.to_string().as_bytes());
    let (_, _, details) = observed.next_news().await;
    assert_eq!((&details["content"], &details["media_type"]), (&"index".into(), &index_type.into()));
    assert_eq!(observed.next_job().await.tag.as_deref(), Some("multi"));
    assert_eq!((observed.more_events(), observed.more_jobs()), (0, 0));
    observed.stop().await;
}

#[tokio::test]
async fn two_accounts_and_two_tags_are_watched_apart() {
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("team/app", "1", "first");
    let fresh = FreshDatabase::new(DatabaseKind::Sqlite);
    let name = registry.repository("team/app");
    let names = vec![name.clone(), format!("{name}:1"), format!("{name}:2")];
    let mut observed = Observed::start(&eager(names, &fresh)).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (event_type, resource, _) = observed.next_news().await;
        seen.push((event_type, resource));
    }
    seen.sort();
    let failed = "system.image_analysis.registry_lookup_failed".to_owned();
    assert_eq!(seen, [(failed, format!("{name}:2")), ("tag_add".to_owned(), format!("{name}:1"))]);
    assert_eq!(observed.roster.statuses().len(), 3);
    observed.stop().await;
}

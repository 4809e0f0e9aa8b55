//! Registries that tell by themselves what was pushed to them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fixtures::{NotificationEndpoint, RegistryAccess, RegistryServer, eventually};
use http::{HeaderMap, HeaderValue, Method};
use outbound::{Client, ClientConfig};
use serde_json::{Value, json};

use crate::observed::{ALICE_PASSWORD, NOTIFICATION_TOKEN, Observed, Settings};

const DISTRIBUTION: &str = "application/vnd.docker.distribution.events.v1+json";

/// Looks by itself once, and then not before the test has long ended.
async fn watch(registry: &RegistryServer, names: &[&str]) -> Observed {
    let observed = Observed::start(&Settings {
        repositories: names.iter().map(|name| registry.repository(name)).collect(),
        insecure: true,
        repo_watcher: Some(Duration::from_hours(1)),
        image_watcher: Some(Duration::from_hours(1)),
        ..Settings::default()
    })
    .await;
    eventually("the first sight", || {
        let statuses = observed.roster.statuses();
        let is_known = |status: &catalog::WatchStatus| status.last_success_at.is_some() && status.pending == Some(0);
        statuses.len() == names.len() && statuses.iter().all(|(_, status)| is_known(status))
    })
    .await;
    observed
}

fn endpoint(observed: &Observed, authorization: String) -> NotificationEndpoint {
    NotificationEndpoint { url: format!("http://{}{}", observed.address, catalog::NOTIFICATIONS_PATH), authorization }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Posts an envelope. Returns the status and the answer.
async fn post(observed: &Observed, authorization: Option<&str>, content_type: &str, body: &str) -> (u16, Value) {
    let client = Client::new(ClientConfig { environment_proxy: false, ..ClientConfig::default() }).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
    if let Some(authorization) = authorization {
        headers.insert("authorization", HeaderValue::from_str(authorization).unwrap());
    }
    let url = endpoint(observed, String::new()).url.parse().unwrap();
    let answer = client.send(Method::POST, &url, headers, body.to_owned().into()).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.body(64 * 1024).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_registry_tells_what_is_pushed_moved_and_deleted() {
    let mut registry = RegistryServer::start(RegistryAccess::Everybody);
    let first = registry.pusher().push("team/app", "1", "first");
    let mut observed = watch(&registry, &["team/app"]).await;
    registry.notify(endpoint(&observed, format!("Bearer {NOTIFICATION_TOKEN}")));

    let second = registry.pusher().push("team/app", "2", "second");
    let (event_type, resource, _) = observed.next_news().await;
    assert_eq!((event_type.as_str(), resource), ("tag_add", format!("{}:2", registry.repository("team/app"))));
    assert_eq!(observed.next_job().await.digest.as_ref(), Some(&second));

    registry.pusher().push("team/app", "1", "third");
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), &details["old_digest"]), ("tag_update", &json!(first)));

    registry.pusher().delete("team/app", &second);
    assert_eq!(observed.next_news().await.0, "tag_delete");
    // It tells of the lookups that follow, too.
    assert!(observed.counted("catalog_notifications", "taken") >= 3);
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_registry_with_basic_credentials_wakes_the_one_tag_that_is_watched() {
    let mut registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("team/app", "stable", "first");
    let mut observed = watch(&registry, &["team/app:stable"]).await;
    assert_eq!(observed.next_news().await.0, "tag_add");
    registry.notify(endpoint(&observed, basic("alice", ALICE_PASSWORD)));
    registry.pusher().push("team/app", "other", "second");
    let third = registry.pusher().push("team/app", "stable", "third");
    let (event_type, _, details) = observed.next_news().await;
    assert_eq!((event_type.as_str(), &details["new_digest"]), ("tag_update", &json!(third)));
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test]
async fn a_cloud_event_wakes_what_it_is_about() {
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("library/busybox", "1.36", "before");
    let mut observed = watch(&registry, &["library/busybox"]).await;
    registry.pusher().push("library/busybox", "latest", "first");
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/projects/1/webhook/policies/15", "type": "harbor.artifact.pushed",
        "data": {
            "resources": [{"digest": "sha256:0", "tag": "latest", "resource_url": "harbor.internal/library/busybox:latest"}],
            "repository": {"name": "busybox", "namespace": "library", "repo_full_name": "library/busybox"},
        },
    });
    let token = format!("Bearer {NOTIFICATION_TOKEN}");
    let sent = post(&observed, Some(&token), "application/cloudevents+json", &event.to_string()).await;
    assert_eq!(sent, (202, json!({"woken": 1})));
    assert_eq!(observed.next_news().await.0, "tag_add");
    observed.stop().await;
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_told_why() {
    let registry = RegistryServer::start(RegistryAccess::Everybody);
    registry.pusher().push("team/app", "1", "first");
    let observed = watch(&registry, &["team/app"]).await;
    let target = json!({"repository": "team/app", "tag": "1", "mediaType": crate::images::OCI_MANIFEST});
    let envelope = json!({"events": [{"action": "push", "target": target}]}).to_string();
    let check = async |authorization: Option<String>, expected: u16, part: &str| {
        let (status, answer) = post(&observed, authorization.as_deref(), DISTRIBUTION, &envelope).await;
        assert_eq!(status, expected, "{authorization:?}: {answer}");
        assert!(answer.to_string().contains(part), "{answer}");
    };
    check(None, 401, "no credentials").await;
    check(Some("Bearer wrong".to_owned()), 401, "a wrong token").await;
    check(Some(basic("alice", "wrong")), 401, "services.catalog.notifications").await;
    check(Some(basic("bob", "bob's password")), 403, "may only read").await;
    check(Some(basic("carol", "carol's password")), 202, r#""woken":0"#).await;
    check(Some(basic("root", "root's password")), 202, r#""woken":1"#).await;
    check(Some(basic("alice", ALICE_PASSWORD)), 202, r#""woken":1"#).await;
    let token = format!("Bearer {NOTIFICATION_TOKEN}");
    assert_eq!(post(&observed, Some(&token), "text/plain", "{}").await.0, 415);
    assert_eq!(post(&observed, Some(&token), DISTRIBUTION, "<html>").await.0, 400);
    assert_eq!(post(&observed, Some(&token), DISTRIBUTION, &" ".repeat(1024 * 1024 + 1)).await.0, 413);
    for (result, expected) in [("taken", 2), ("unwatched", 1), ("unauthorized", 3), ("refused", 4)] {
        assert_eq!(observed.counted("catalog_notifications", result), expected, "{result}");
    }
    observed.stop().await;
}

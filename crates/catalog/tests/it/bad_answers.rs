//! Answers that are no list of tags.

use serde_json::Value;

use crate::observed::{Observed, PASSWORD, Settings, USERNAME};
use fixtures::{FaultServer, Reply, answer};

async fn first_cause(behaviour: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (String, Value) {
    let server = FaultServer::plain(behaviour);
    let settings = Settings { repositories: vec![server.repository()], insecure: true, ..Settings::default() };
    let mut observed = Observed::start(&settings).await;
    let cause = observed.next_cause().await;
    observed.stop().await;
    cause
}

async fn check(status: &'static str, body: &'static str, expected: &str) {
    let (code, details) = first_cause(move |_| answer(status, &[], body)).await;
    assert_eq!(code, expected, "{status} {body}");
    assert_eq!(details["http_status"].to_string(), status[..3], "{details}");
    assert_eq!(details["body"].as_str().unwrap_or_default(), body, "{details}");
}

#[tokio::test]
async fn a_registry_in_trouble_is_unavailable() {
    check("500 Internal Server Error", r#"{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}"#, "unavailable")
        .await;
    check("502 Bad Gateway", "<html>bad gateway</html>", "unavailable").await;
    check("503 Service Unavailable", "", "unavailable").await;
}

#[tokio::test]
async fn what_is_no_list_of_tags_is_parse() {
    check("200 OK", "<html><title>Please log in</title></html>", "parse").await;
    check("200 OK", "garbage", "parse").await;
    check("200 OK", r#"{"name":"team/app"}"#, "parse").await;
    check("200 OK", "", "parse").await;
}

#[tokio::test]
async fn a_refusal_keeps_the_registry_s_own_words() {
    let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let (code, details) = first_cause(move |_| answer("403 Forbidden", &[], body)).await;
    assert_eq!(code, "denied");
    assert_eq!(details["registry_code"], "DENIED");
    assert_eq!(details["registry_message"], "requested access to the resource is denied");
}

#[tokio::test]
async fn an_unknown_address_is_not_found() {
    check("404 Not Found", "404 page not found", "not_found").await;
}

#[tokio::test]
async fn an_event_about_a_repository_is_the_page_s() {
    let server = FaultServer::plain(|_| answer("500 Oops", &[], ""));
    let settings = Settings { repositories: vec![server.repository()], insecure: true, ..Settings::default() };
    let mut observed = Observed::start(&settings).await;
    let event = observed.next_event().await;
    assert_eq!(event.event_type, "list_tags_fail");
    assert_eq!(event.level, event::Level::Error);
    assert_eq!(event.message, "Failed to list tags in repository");
    assert_eq!(event.resource.account.as_str(), "alice");
    assert_eq!(event.resource.resource_type.as_deref(), Some("repository"));
    assert_eq!(event.resource.id, Some(server.repository()));
    assert_eq!(event.source.service.as_deref(), Some("catalog"));
    assert_eq!(event.occurred_at.to_string(), "2026-11-30T03:00:00Z");
    assert!(observed.counted("catalog_listings", "unavailable") >= 1);
    observed.stop().await;
}

#[tokio::test]
async fn no_secret_that_a_peer_sends_back_enters_an_event() {
    // Everything the request held, the password in the clear, and a signed address.
    let server = FaultServer::plain(|head| {
        let body = format!("{head} {USERNAME} {PASSWORD} https://a:b@c/?X-Amz-Signature=0a1b2c");
        let challenge = "WWW-Authenticate: Basic realm=\"r\"";
        answer("401 Unauthorized", &[challenge, &format!("Content-Type: text/{PASSWORD}")], &body)
    });
    let registry = server.registry();
    let mut observed = Observed::start(&Settings {
        repositories: vec![server.repository()],
        insecure: true,
        password: Some((&registry, PASSWORD)),
        ..Settings::default()
    })
    .await;
    let event = observed.next_event().await;
    let details = event.details.as_json();
    let sent = server.requests().concat();
    assert!(sent.contains("authorization: Basic cHVsbGVyOnJpZ2h0LXBhc3N3b3Jk"), "{sent}");
    for secret in [PASSWORD, "cHVsbGVyOnJpZ2h0LXBhc3N3b3Jk", "a:b@", "0a1b2c"] {
        assert!(!details.contains(secret), "{details}");
    }
    assert!(!observed.status().last_cause.unwrap().summary.contains(PASSWORD));
    observed.stop().await;
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let other = FaultServer::plain(|_| answer("200 OK", &[], r#"{"tags":[]}"#));
    let location = format!("Location: http://localhost:{}/elsewhere", other.address.port());
    let server = FaultServer::plain(move |head| {
        if head.contains("authorization: Basic") {
            answer("307 Temporary Redirect", &[&location], "")
        } else {
            answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"r\""], "")
        }
    });
    let registry = server.registry();
    let observed = Observed::start(&Settings {
        repositories: vec![server.repository()],
        insecure: true,
        password: Some((&registry, PASSWORD)),
        ..Settings::default()
    })
    .await;
    observed.succeeded().await;
    let sent = other.requests().concat().to_lowercase();
    assert!(sent.starts_with("get /elsewhere") && sent.contains("user-agent: anchore-events/"), "{sent}");
    assert!(!sent.contains("authorization") && !sent.contains("referer"), "{sent}");
    observed.stop().await;
}

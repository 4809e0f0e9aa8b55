//! Registries that want a token from a token service.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::images;
use crate::observed::{Observed, PASSWORD, Settings, USERNAME, WRONG_PASSWORD};
use fixtures::{Authority, FaultServer, Reply, answer, eventually};

const BASIC: &str = "authorization: Basic cHVsbGVyOnJpZ2h0LXBhc3N3b3Jk";

/// A registry and its token service in one. The service takes the right password, and nobody without one unless
/// `is_public`; the registry takes the token `issued-to-USER` with whatever `verdict` says.
fn registry(is_public: bool, verdict: fn(is_puller: bool) -> Option<Reply>) -> FaultServer {
    let address = Arc::new(OnceLock::new());
    let own = Arc::clone(&address);
    let server = FaultServer::plain(move |head| {
        let address: &String = own.get().unwrap();
        if head.starts_with("GET /token?") {
            return token(head, is_public);
        }
        let is_puller = head.contains(&format!("authorization: Bearer issued-to-{USERNAME}"));
        let has_token = is_puller || head.contains("authorization: Bearer issued-to-nobody");
        let challenge = format!(
            "WWW-Authenticate: Bearer realm=\"http://{address}/token\",service=\"the registry\",\
             scope=\"repository:team/app:pull\""
        );
        let unauthorized = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        match has_token.then(|| verdict(is_puller)) {
            Some(None) => images::registry(head, &["1"], "an image"),
            Some(Some(reaction)) => reaction,
            None => answer("401 Unauthorized", &[&challenge], unauthorized),
        }
    });
    address.set(server.registry()).unwrap();
    server
}

fn token(head: &str, is_public: bool) -> Reply {
    assert!(head.contains("?service=the+registry&scope=repository%3Ateam%2Fapp%3Apull "), "{head}");
    let who = if head.contains(BASIC) { USERNAME } else { "nobody" };
    if who == "nobody" && (head.contains("authorization") || !is_public) {
        return answer("401 Unauthorized", &[], r#"{"details":"incorrect username or password"}"#);
    }
    answer("200 OK", &[], format!(r#"{{"token":"issued-to-{who}","expires_in":300}}"#))
}

async fn watch(server: &FaultServer, password: Option<&str>) -> Observed {
    let registry = server.registry();
    Observed::start(&Settings {
        repositories: vec![server.repository()],
        insecure: true,
        password: password.map(|password| (registry.as_str(), password)),
        ..Settings::default()
    })
    .await
}

async fn first_cause(server: &FaultServer, password: Option<&str>) -> (String, Value) {
    let mut observed = watch(server, password).await;
    let cause = observed.next_cause().await;
    observed.stop().await;
    cause
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_it_expires() {
    let server = registry(false, |_| None);
    let mut observed = watch(&server, Some(PASSWORD)).await;
    observed.succeeded().await;
    eventually("more listings", || observed.counted("catalog_listings", "ok") >= 5).await;
    assert_eq!(server.requests_to("/token"), 1);
    observed.clock.advance(Duration::from_secs(291));
    eventually("another token", || server.requests_to("/token") == 2).await;
    let listed = observed.counted("catalog_listings", "ok");
    eventually("more listings", || observed.counted("catalog_listings", "ok") >= listed + 5).await;
    assert_eq!(server.requests_to("/token"), 2);
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test]
async fn a_public_repository_needs_no_credentials() {
    let server = registry(true, |_| None);
    let mut observed = watch(&server, None).await;
    observed.succeeded().await;
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_auth() {
    let server = registry(true, |_| None);
    let (code, details) = first_cause(&server, Some(WRONG_PASSWORD)).await;
    assert_eq!(code, "auth");
    assert_eq!(details["registry_message"], "incorrect username or password");
    assert!(details["cause"]["hint"].as_str().unwrap().starts_with("Correct `username`"), "{details}");
}

#[tokio::test]
async fn a_token_service_that_wants_a_password_asks_for_credentials() {
    let server = registry(false, |_| None);
    let (code, details) = first_cause(&server, None).await;
    assert_eq!(code, "auth");
    let hint = details["cause"]["hint"].as_str().unwrap();
    assert!(hint.starts_with("Add credentials under services.catalog.registries"), "{details}");
}

#[tokio::test]
async fn a_private_repository_asks_for_credentials() {
    let private = |is_puller: bool| {
        (!is_puller).then(|| {
            let challenge = "WWW-Authenticate: Bearer realm=\"x\",error=\"insufficient_scope\"";
            answer("401 Unauthorized", &[challenge], "")
        })
    };
    let server = registry(true, private);
    assert_eq!(first_cause(&server, None).await.0, "auth");
    let observed = watch(&server, Some(PASSWORD)).await;
    observed.succeeded().await;
    observed.stop().await;
}

#[tokio::test]
async fn a_user_without_the_right_is_denied() {
    let server = registry(true, |_| {
        let challenge = "WWW-Authenticate: Bearer realm=\"x\",error=\"insufficient_scope\"";
        Some(answer("401 Unauthorized", &[challenge], r#"{"errors":[{"code":"UNAUTHORIZED","message":"m"}]}"#))
    });
    let (code, details) = first_cause(&server, Some(PASSWORD)).await;
    assert_eq!(code, "denied");
    assert!(details["cause"]["hint"].as_str().unwrap().starts_with("Give the user"), "{details}");
    assert!(!details.to_string().contains("issued-to-"), "{details}");
}

#[tokio::test]
async fn a_token_that_the_peer_sends_back_does_not_enter_an_event() {
    let server = registry(true, |_| Some(answer("500 Oops", &[], "you sent issued-to-nobody")));
    let (code, details) = first_cause(&server, None).await;
    assert_eq!((code.as_str(), &details["body"]), ("unavailable", &"you sent [redacted]".into()));
}

async fn first_cause_with_realm(realm: String) -> (String, Value) {
    let server = FaultServer::plain(move |head| {
        if head.starts_with("GET /token") {
            return answer("200 OK", &[], "<html>");
        }
        answer("401 Unauthorized", &[&format!("WWW-Authenticate: Bearer realm=\"{realm}\"")], "")
    });
    first_cause(&server, None).await
}

#[tokio::test]
async fn a_token_service_that_issues_no_token_is_parse() {
    let service = FaultServer::plain(|_| answer("200 OK", &[], "<html>"));
    let (code, details) = first_cause_with_realm(format!("http://{}/token", service.address)).await;
    assert_eq!(code, "parse");
    assert!(details["msg"].as_str().unwrap().ends_with("answered with no JSON object"), "{details}");
    assert_eq!(first_cause_with_realm("nowhere".to_owned()).await.0, "parse");
}

#[tokio::test]
async fn a_secure_registry_may_not_name_a_token_service_without_tls() {
    let authority = Authority::named("ours");
    let service = FaultServer::plain(|_| answer("200 OK", &[], "{}"));
    let realm = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", service.address);
    let identity = authority.issue("127.0.0.1");
    let server = FaultServer::tls(&identity, move |_| answer("401 Unauthorized", &[&realm], ""));
    let registry = server.registry();
    let mut observed = Observed::start(&Settings {
        repositories: vec![server.repository()],
        password: Some((&registry, PASSWORD)),
        ca_file: Some((&registry, authority.file.path())),
        ..Settings::default()
    })
    .await;
    let (code, details) = observed.next_cause().await;
    assert_eq!(code, "tls", "{details}");
    assert!(service.requests().is_empty());
    observed.stop().await;
}

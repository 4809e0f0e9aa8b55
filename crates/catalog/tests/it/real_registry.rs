//! Against Debian's docker-registry.

use fixtures::{Authority, RegistryAccess, RegistryServer};

use crate::observed::{Observed, PASSWORD, Settings, WRONG_PASSWORD};

async fn watch(fixture: &RegistryServer, path: &str, password: Option<&str>) -> Observed {
    let registry = fixture.registry();
    Observed::start(&Settings {
        repositories: vec![fixture.repository(path)],
        insecure: true,
        password: password.map(|password| (registry.as_str(), password)),
        ..Settings::default()
    })
    .await
}

#[tokio::test]
async fn tags_are_listed_with_the_right_password() {
    let fixture = RegistryServer::start(RegistryAccess::Password);
    for tag in ["1", "2", "latest"] {
        fixture.pusher().push("team/app", tag, "an image");
    }
    let mut observed = watch(&fixture, "team/app", Some(PASSWORD)).await;
    assert_eq!(observed.succeeded().await.tags, Some(3));
    assert_eq!(observed.more_events(), 0);
    observed.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_auth() {
    let fixture = RegistryServer::start(RegistryAccess::Password);
    let mut observed = watch(&fixture, "team/app", Some(WRONG_PASSWORD)).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!((code.as_str(), &details["http_status"]), ("auth", &401.into()));
    assert_eq!(details["registry_code"], "UNAUTHORIZED");
    assert!(details["cause"]["hint"].as_str().unwrap().starts_with("Correct `username`"), "{details}");
    assert!(!details.to_string().contains(WRONG_PASSWORD), "{details}");
    observed.stop().await;
}

#[tokio::test]
async fn no_password_is_auth_and_asks_for_one() {
    let fixture = RegistryServer::start(RegistryAccess::Password);
    let mut observed = watch(&fixture, "team/app", None).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!((code.as_str(), &details["registry_message"]), ("auth", &"authentication required".into()));
    let hint = details["cause"]["hint"].as_str().unwrap();
    assert!(hint.starts_with("Add credentials under services.catalog.registries"), "{hint}");
    observed.stop().await;
}

#[tokio::test]
async fn an_unknown_repository_is_not_found() {
    let fixture = RegistryServer::start(RegistryAccess::Everybody);
    let mut observed = watch(&fixture, "team/nothing", None).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!((code.as_str(), &details["http_status"]), ("not_found", &404.into()));
    assert_eq!(details["registry_code"], "NAME_UNKNOWN");
    observed.stop().await;
}

#[tokio::test]
async fn a_registry_that_stops_and_comes_back_is_followed() {
    let mut fixture = RegistryServer::start(RegistryAccess::Everybody);
    fixture.pusher().push("team/app", "1", "an image");
    let mut observed = watch(&fixture, "team/app", None).await;
    observed.succeeded().await;
    for _ in 0..2 {
        fixture.kill();
        // A request that was under way may be cut off in another way first; what lasts is that nobody answers.
        while observed.next_cause().await.0 != "connect" {}
        fixture.restart();
        assert_eq!(observed.succeeded().await.tags, Some(1));
        assert_eq!(observed.more_events(), 0);
    }
    observed.stop().await;
}

#[tokio::test]
async fn plain_http_to_its_tls_port_is_tls() {
    let authority = Authority::named("ours");
    let identity = authority.issue("127.0.0.1");
    let mut fixture = RegistryServer::start(RegistryAccess::Everybody);
    fixture.secure(identity);
    let mut observed = watch(&fixture, "team/app", None).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!((code.as_str(), &details["http_status"]), ("tls", &400.into()));
    assert!(details["cause"]["hint"].as_str().unwrap().starts_with("Remove `insecure: true`"), "{details}");
    observed.stop().await;
}

#[tokio::test]
async fn tls_to_its_plain_port_is_tls() {
    let fixture = RegistryServer::start(RegistryAccess::Everybody);
    let settings = Settings { repositories: vec![fixture.repository("team/app")], ..Settings::default() };
    let mut observed = Observed::start(&settings).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!(code, "tls");
    assert!(details["cause"]["hint"].as_str().unwrap().contains("set `insecure: true`"), "{details}");
    observed.stop().await;
}

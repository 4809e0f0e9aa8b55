//! No secure connection.

use std::path::Path;

use serde_json::Value;

use crate::images;
use crate::observed::{Observed, Settings};
use fixtures::{Authority, FaultServer, Identity, Reply, answer, page};

/// Watches a registry with `identity`, trusting `ca_file` if there is one, and returns the first cause.
async fn first_cause(identity: Identity, ca_file: Option<&Path>) -> Value {
    let server = FaultServer::tls(&identity, |_| page(&["1"], &[]));
    let registry = server.registry();
    let mut observed = Observed::start(&Settings {
        repositories: vec![server.repository()],
        ca_file: ca_file.map(|file| (registry.as_str(), file)),
        ..Settings::default()
    })
    .await;
    let (code, details) = observed.next_cause().await;
    assert_eq!(code, "tls");
    assert!(server.requests().is_empty(), "nothing is asked of a peer that is not trusted");
    observed.stop().await;
    details
}

fn check(details: &Value, summary: &str, hint: &str) {
    assert!(details["msg"].as_str().unwrap().contains(summary), "{details}");
    assert!(details["cause"]["hint"].as_str().unwrap().contains(hint), "{details}");
}

#[tokio::test]
async fn a_certificate_of_the_named_authority_is_fine() {
    let authority = Authority::named("ours");
    let server =
        FaultServer::tls(&authority.issue("127.0.0.1"), |head| images::registry(head, &["1", "2"], "an image"));
    let registry = server.registry();
    let mut observed = Observed::start(&Settings {
        repositories: vec![server.repository()],
        ca_file: Some((&registry, authority.file.path())),
        ..Settings::default()
    })
    .await;
    assert_eq!(observed.succeeded().await.tags, Some(2));
    assert_eq!(observed.more_events(), 0);
    assert!(observed.counted("catalog_listings", "ok") >= 1);
    observed.stop().await;
}

#[tokio::test]
async fn an_expired_certificate_names_its_last_day() {
    let authority = Authority::named("ours");
    let details = first_cause(authority.issue_until("127.0.0.1", 2002), Some(authority.file.path())).await;
    check(&details, "expired on 2002-01-01", "Renew the certificate");
}

#[tokio::test]
async fn a_foreign_certificate_asks_for_a_ca_file() {
    let details = first_cause(Authority::named("ours").issue("127.0.0.1"), None).await;
    check(
        &details,
        "issued by nobody this machine trusts",
        "Name a PEM file with the certificate of its issuer as `ca_file",
    );
}

#[tokio::test]
async fn a_certificate_of_another_authority_asks_for_a_better_ca_file() {
    let details =
        first_cause(Authority::named("theirs").issue("127.0.0.1"), Some(Authority::named("ours").file.path())).await;
    check(&details, "issued by nobody this machine trusts", "Add the certificate of its issuer to the file");
}

#[tokio::test]
async fn an_authority_that_was_made_anew_asks_for_its_new_certificate() {
    let details =
        first_cause(Authority::named("ours").issue("127.0.0.1"), Some(Authority::named("ours").file.path())).await;
    check(&details, "not signed by the authority of that name", "The authority has a new key");
}

#[tokio::test]
async fn a_certificate_for_another_name_tells_that_name() {
    let authority = Authority::named("ours");
    let details = first_cause(authority.issue("registry.example.com"), Some(authority.file.path())).await;
    check(&details, "is for registry.example.com, not for this name", "Use a name the certificate is for");
}

#[tokio::test]
async fn an_authority_that_is_its_own_server_is_explained() {
    let (identity, file) = Identity::self_made("127.0.0.1");
    let details = first_cause(identity, Some(file.path())).await;
    check(&details, "that of a certificate authority", "Issue a server certificate");
}

#[tokio::test]
async fn tls_to_a_plain_port_asks_for_insecure() {
    for reaction in [|| answer("400 Bad Request", &[], "bad request"), || Reply::Send(b"garbage garbage".to_vec())] {
        let server = FaultServer::plain(move |_| reaction());
        let settings = Settings { repositories: vec![server.repository()], ..Settings::default() };
        let mut observed = Observed::start(&settings).await;
        let (code, details) = observed.next_cause().await;
        assert_eq!(code, "tls");
        check(&details, "does not speak TLS at this port", "set `insecure: true`");
        observed.stop().await;
    }
}

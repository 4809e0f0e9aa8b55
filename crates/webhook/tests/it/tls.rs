//! Who is trusted, and who is shown what.

use cause::CauseCode;
use fixtures::Authority;
use webhook::{CaCertificates, ClientIdentity, Outcome, SenderConfig};

use crate::example::{config, send};
use crate::tls_receiver::{receiver_by, receiver_for};

fn trusting(authority: &Authority, url: &str) -> SenderConfig {
    let ca_certificates = CaCertificates::parse(authority.pem.as_bytes()).unwrap();
    SenderConfig { ca_certificates: Some(ca_certificates), ..config(url) }
}

fn showing(authority: &Authority, config: SenderConfig) -> SenderConfig {
    let identity = authority.issue("sender.example.com");
    let identity = ClientIdentity::parse(identity.certificate_pem.as_bytes(), identity.key_pem.as_bytes()).unwrap();
    SenderConfig { identity: Some(identity), ..config }
}

fn refused(outcome: &Outcome, summary: &str) {
    let cause = outcome.cause().unwrap();
    assert_eq!(cause.code(), CauseCode::Tls, "{cause:?}");
    assert!(cause.summary().contains(summary), "{cause:?}");
}

#[tokio::test]
async fn certificates_are_verified_unless_it_is_said_otherwise() {
    let authority = Authority::named("tests");
    let receiver = receiver_by(&authority);
    let outcome = send(config(&receiver.url())).await.outcome;
    refused(&outcome, "issued by nobody this machine trusts");
    let outcome = send(trusting(&Authority::named("tests"), &receiver.url())).await.outcome;
    refused(&outcome, "127.0.0.1");
    assert!(receiver.requests().is_empty(), "nothing is told to a peer that is not trusted");

    assert!(send(trusting(&authority, &receiver.url())).await.outcome.is_delivered());
    let unverified = SenderConfig { ssl_verify: false, ..config(&receiver.url()) };
    assert!(send(unverified).await.outcome.is_delivered());
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn a_receiver_that_asks_is_shown_who_sends() {
    let (servers, clients) = (Authority::named("tests"), Authority::named("tests"));
    let receiver = receiver_for(&clients, &servers);
    let outcome = send(trusting(&servers, &receiver.url())).await.outcome;
    refused(&outcome, "ended the TLS handshake with the alert");
    assert!(outcome.cause().unwrap().hint().contains("client certificate"), "{outcome:?}");
    let outcome = send(showing(&Authority::named("tests"), trusting(&servers, &receiver.url()))).await.outcome;
    refused(&outcome, "ended the TLS handshake with the alert");
    assert!(receiver.requests().is_empty());

    let outcome = send(showing(&clients, trusting(&servers, &receiver.url()))).await.outcome;
    assert!(outcome.is_delivered(), "{outcome:?}");
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn plain_http_to_a_receiver_of_tls_is_explained() {
    let receiver = receiver_by(&Authority::named("tests"));
    let outcome = send(config(&receiver.url().replace("https:", "http:"))).await.outcome;
    refused(&outcome, "speaks TLS at this port");
}

//! No answer, or none that is HTTP.

use std::time::Duration;

use tokio::net::TcpListener;

use crate::images;
use crate::observed::{Observed, Settings};
use fixtures::{Authority, FaultServer, Reply, answer, eventually, page};

/// Watches a repository by plain HTTP and returns the first cause.
async fn first_cause(repository: String) -> (String, serde_json::Value) {
    let settings = Settings { repositories: vec![repository], insecure: true, ..Settings::default() };
    let mut observed = Observed::start(&settings).await;
    let cause = observed.next_cause().await;
    observed.stop().await;
    cause
}

async fn check(reaction: fn() -> Reply, expected: &str, part: &str) {
    let server = FaultServer::plain(move |_| reaction());
    let (code, details) = first_cause(server.repository()).await;
    assert_eq!(code, expected);
    assert!(details["msg"].as_str().unwrap().contains(part), "{details}");
    assert!(details["url"].as_str().unwrap().ends_with("/v2/team/app/tags/list?n=1000"), "{details}");
}

#[tokio::test]
async fn a_registry_that_is_down_refuses_the_connection() {
    // The port was free a moment ago, and nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (code, details) = first_cause(format!("{address}/team/app")).await;
    assert_eq!(code, "connect");
    assert_eq!(details["msg"], format!("`{address}` refused the connection"));
    assert_eq!(details["cause"]["retryable"], true);
    assert!(details["error"].as_str().unwrap().contains("Connection refused"), "{details}");
}

#[tokio::test]
async fn a_name_without_an_address_is_dns() {
    let (code, details) = first_cause("registry.invalid/team/app".to_owned()).await;
    assert_eq!(code, "dns");
    assert_eq!(details["msg"], "the name `registry.invalid` cannot be resolved");
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_connect() {
    check(|| Reply::Close, "connect", "closed it without an answer").await;
}

#[tokio::test]
async fn a_connection_closed_in_the_middle_of_the_answer_is_connect() {
    let half = || Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"tags\":[".to_vec());
    check(half, "connect", "in the middle of the answer").await;
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_parse() {
    check(|| Reply::Send(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()), "parse", "not HTTP").await;
}

#[tokio::test]
async fn a_head_without_end_is_too_large() {
    let endless = || Reply::Send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)).into_bytes());
    check(endless, "too_large", "the head of the answer").await;
}

#[tokio::test]
async fn a_registry_that_hangs_is_a_timeout_and_does_not_hold_up_others() {
    let hanging = FaultServer::plain(|_| Reply::Hang);
    let working = FaultServer::plain(|head| images::registry(head, &["1"], "an image"));
    let mut observed = Observed::start(&Settings {
        repositories: vec![hanging.repository(), working.repository()],
        insecure: true,
        request_timeout: Some(Duration::from_millis(300)),
        ..Settings::default()
    })
    .await;
    let (code, details) = observed.next_cause().await;
    assert_eq!(code, "timeout");
    assert!(details["msg"].as_str().unwrap().contains("did not answer completely within 300ms"), "{details}");
    assert!(details["cause"]["hint"].as_str().unwrap().contains("services.catalog.request_timeout"), "{details}");
    let working = observed.roster.statuses().into_iter().find(|(key, _)| key.to_string() == working.repository());
    assert_eq!(working.unwrap().1.tags, Some(1));
    observed.stop().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_a_timeout() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"tags\":[";
    let server = FaultServer::plain(move |_| Reply::SendAndHang(head.into()));
    let settings = Settings {
        repositories: vec![server.repository()],
        insecure: true,
        request_timeout: Some(Duration::from_millis(200)),
        ..Settings::default()
    };
    let mut observed = Observed::start(&settings).await;
    let (code, details) = observed.next_cause().await;
    assert_eq!((code.as_str(), &details["http_status"]), ("timeout", &200.into()));
    observed.stop().await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_registry_that_hangs() {
    let server = FaultServer::plain(|_| Reply::Hang);
    let settings = Settings { repositories: vec![server.repository()], insecure: true, ..Settings::default() };
    let observed = Observed::start(&settings).await;
    eventually("a request", || !server.requests().is_empty()).await;
    observed.stop().await;
}

#[tokio::test]
async fn a_body_without_end_is_too_large() {
    let server = FaultServer::plain(|_| Reply::SendForever);
    let (code, details) = first_cause(server.repository()).await;
    assert_eq!((code.as_str(), &details["bytes_max"]), ("too_large", &oci_registry::LISTING_BYTES_MAX.into()));
    assert_eq!(details["http_status"], 200);
}

#[tokio::test]
async fn an_announced_body_that_is_too_large_is_not_even_read() {
    let huge = || Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec());
    check(huge, "too_large", "larger than").await;
}

#[tokio::test]
async fn plain_http_to_a_tls_port_is_told_by_a_server_that_says_so() {
    let body = "Client sent an HTTP request to an HTTPS server.\n";
    let server = FaultServer::plain(move |_| answer("400 Bad Request", &[], body));
    let (code, details) = first_cause(server.repository()).await;
    assert_eq!(code, "tls");
    assert!(details["cause"]["hint"].as_str().unwrap().starts_with("Remove `insecure: true`"), "{details}");
    assert_eq!(details["body"], body);
}

#[tokio::test]
async fn plain_http_to_a_tls_port_that_answers_in_tls_is_found_out() {
    let authority = Authority::named("ours");
    let server = FaultServer::tls(&authority.issue("127.0.0.1"), |_| page(&[], &[]));
    let (code, details) = first_cause(server.repository()).await;
    assert_eq!(code, "tls", "{details}");
    assert!(details["cause"]["hint"].as_str().unwrap().starts_with("Remove `insecure: true`"), "{details}");
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_no_more() {
    let server = FaultServer::plain(|head| {
        let hops = head.split_once("hops=").map_or(0, |(_, rest)| rest[..1].parse::<u32>().unwrap());
        answer("302 Found", &[&format!("Location: /v2/?hops={}", hops + 1)], "")
    });
    let (code, details) = first_cause(server.repository()).await;
    assert_eq!(code, "unsupported");
    assert!(details["msg"].as_str().unwrap().ends_with("more than 5 redirects"), "{details}");
    assert_eq!(server.requests_to("/v2/?hops="), 5);
}

//! One request, and every kind of answer to it.

use std::time::Duration;

use cause::CauseCode;
use fixtures::{Reaction, Receiver};
use serde_json::Value;
use webhook::{Credentials, Outcome, OwnHeaders, REPLY_BYTES_MAX, SECRETS_MAX, Secret, SenderConfig};

use crate::example::{config, notification, send, send_at};

#[tokio::test]
async fn a_request_is_what_the_contract_says() {
    let receiver = Receiver::always(200);
    let url = format!("{}/<notification_type>/<userId>?again=<userId>", receiver.url());
    let mut config = config(&url);
    config.credentials = Some(Credentials::Basic { username: "user".into(), password: "pass".into() });
    let attempt = send(config).await;
    assert!(attempt.outcome.is_delivered(), "{attempt:?}");
    let request = receiver.request();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/event_log/admin?again=admin"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("*/*"));
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    assert!(request.header("user-agent").unwrap().starts_with("anchore-events/"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["dataId"], "0f6a3c0e-7f4b-4c39-9a55-6d1f2f3b8a10");
    assert_eq!(body["data"]["notification_payload"]["event"]["level"], "ERROR");
    assert!(request.text().contains(notification().event.details.as_json()), "{}", request.text());
}

async fn outcome_of(reaction: Reaction) -> Outcome {
    let receiver = Receiver::start(move |_| reaction.clone());
    send_at(config(&receiver.url()), "2026-11-30T03:00:00Z").await.outcome
}

#[tokio::test]
async fn every_2xx_is_success() {
    for status in [200, 201, 202, 204, 299] {
        let outcome = outcome_of(Reaction::status(status)).await;
        assert!(outcome.is_delivered(), "{outcome:?}");
        assert_eq!(outcome.status().unwrap().as_u16(), status);
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_receiver_said() {
    let reaction = Reaction::status(503).with_header("Retry-After", "120").with_body("too\nmuch \u{1b}[1mwork");
    let outcome = outcome_of(reaction).await;
    let reply = outcome.reply().unwrap();
    assert_eq!((reply.status.as_u16(), reply.beginning.as_str()), (503, "too much [1mwork"));
    assert_eq!(outcome.retry_at().unwrap().to_string(), "2026-11-30T03:02:00Z");
    let cause = outcome.cause().unwrap();
    assert_eq!((cause.code(), cause.retryable()), (CauseCode::Unavailable, true));
    assert!(!outcome.is_gone());
}

#[tokio::test]
async fn gone_can_be_told_apart() {
    let outcome = outcome_of(Reaction::status(410)).await;
    assert!(outcome.is_gone() && !outcome.cause().unwrap().retryable());
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Receiver::always(200);
    let location = format!("{}/elsewhere", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let outcome = outcome_of(Reaction::status(status).with_header("Location", &location)).await;
        let cause = outcome.cause().unwrap();
        assert_eq!(cause.code(), CauseCode::Unsupported);
        assert!(format!("{cause:?}").contains(&location), "{cause:?}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn no_answer_is_a_cause() {
    let check = |outcome: Outcome, code: CauseCode| {
        assert!(matches!(outcome, Outcome::NotAnswered(_)), "{outcome:?}");
        assert_eq!(outcome.cause().unwrap().code(), code, "{outcome:?}");
    };
    check(outcome_of(Reaction::close()).await, CauseCode::Connect);
    check(outcome_of(Reaction::Raw(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec())).await, CauseCode::Parse);
    let gone = Receiver::always(200).url();
    check(send(config(&gone)).await.outcome, CauseCode::Connect);
}

#[tokio::test]
async fn a_receiver_that_hangs_is_a_timeout_with_the_name_of_the_setting() {
    let receiver = Receiver::start(|_| Reaction::hang());
    let mut config = config(&receiver.url());
    config.timeout = Duration::from_millis(200);
    config.settings.request_timeout = Some("`timeout` of the endpoint `ops`".to_owned());
    let attempt = send(config).await;
    let cause = attempt.outcome.cause().unwrap();
    assert_eq!(cause.code(), CauseCode::Timeout);
    assert!(cause.hint().contains("raise `timeout` of the endpoint `ops`"), "{cause:?}");
    assert!(attempt.duration >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_body_without_end_holds_nobody_up() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.extend(vec![b'a'; 100_000]);
    let outcome = outcome_of(Reaction::RawAndHang(answer)).await;
    assert!(outcome.is_delivered());
    assert!(outcome.reply().unwrap().beginning.len() <= REPLY_BYTES_MAX);
    let outcome = outcome_of(Reaction::RawAndHang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec())).await;
    assert_eq!(outcome.reply().unwrap().beginning, "half");
}

#[tokio::test]
async fn own_headers_and_a_token_are_sent_and_shown_to_nobody() {
    let echo = |request: &fixtures::Received| {
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Reaction::status(400).with_body(&format!("{} {}", request.target, headers.join(" ")))
    };
    let receiver = Receiver::start(echo);
    let mut config = config(&format!("{}/services/T0/B0/XXXXXXXXXXXXXXXXXXXXXXXX", receiver.url()));
    config.credentials = Some(Credentials::Bearer("bearer-token-1".into()));
    config.headers = OwnHeaders::default();
    config.headers.add("X-Api-Key", "api-key-1").unwrap();
    let outcome = send(config).await.outcome;
    let request = receiver.request();
    assert_eq!(request.header("authorization"), Some("Bearer bearer-token-1"));
    assert_eq!(request.header("x-api-key"), Some("api-key-1"));
    let shown = format!("{outcome:?}");
    for secret in ["bearer-token-1", "api-key-1", "XXXXXXXX"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("/services/T0/B0/[redacted]"), "{shown}");
}

#[test]
fn parts_that_do_not_go_together_are_refused() {
    let check = |change: fn(&mut SenderConfig), expected: &str| {
        let mut config = config("https://hooks.example.com/");
        change(&mut config);
        assert_eq!(config.check().map_err(|error| error.to_string()), Err(expected.to_owned()));
    };
    assert!(config("https://hooks.example.com/").check().is_ok());
    check(
        |config| {
            config.credentials = Some(Credentials::Bearer("token".into()));
            config.headers.add("Authorization", "ApiKey k").unwrap();
        },
        "has credentials and a header `Authorization`, expected one of them",
    );
    check(
        |config| config.credentials = Some(Credentials::Bearer("two words".into())),
        "the token is empty or has characters other than visible ASCII",
    );
    check(
        |config| config.secrets = vec![Secret::generate().parse().unwrap(); SECRETS_MAX + 1],
        "5 secrets, expected at most 4",
    );
}

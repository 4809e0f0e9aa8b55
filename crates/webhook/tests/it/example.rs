//! A notification, and a sender of it.

use std::sync::Arc;

use event::{AccountName, EventDraft, Level, ManualClock, Source, SystemClock, Timestamp, Violations};
use webhook::{Attempt, NETWORKS_SETTING, Notification, NotificationType, Sender, SenderConfig, Vetting};

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The contract's example (6.2), with details of an emitter that means every digit.
pub fn notification() -> Notification {
    let details = r#"{"cause":{"code":"denied","retryable":false,"hint":"Give the account the right to pull."},"msg":"the registry refused","bytes":12345678901234567890123,"ratio":1.50}"#;
    let draft = EventDraft {
        id: "d77736ac78a043a9b84b3a1b8171aa44".parse().ok(),
        event_type: "list_tags_fail".to_owned(),
        level: Some(Level::Error),
        message: "Failed to list tags in repository".to_owned(),
        details: event::Details::parse(details).unwrap(),
        resource_type: Some("repository".to_owned()),
        resource_id: Some("registry.example.com/a/b".to_owned()),
        source: Source {
            service: Some("catalog".to_owned()),
            host_id: Some("dockerhostid-localhost".to_owned()),
            base_url: Some("http://localhost:8082".to_owned()),
            request_id: None,
        },
        occurred_at: Some(at("2018-06-30T03:56:27.711071Z")),
        ..EventDraft::default()
    };
    let admin: AccountName = "admin".parse().unwrap();
    Notification {
        delivery_id: "0f6a3c0e-7f4b-4c39-9a55-6d1f2f3b8a10".parse().unwrap(),
        notification_type: NotificationType::EventLog,
        event: draft.check(&admin, Violations::default()).unwrap(),
        stored_at: at("2018-06-30T03:56:27.803114Z"),
        account_email: "admin@example.com".to_owned(),
        queued_at: at("2018-06-30T03:56:30Z"),
        last_attempt_at: None,
        gives_up_at: at("2018-06-30T03:57:00Z"),
    }
}

/// For the endpoint at `url`.
pub fn config(url: &str) -> SenderConfig {
    SenderConfig::new(url.parse().unwrap())
}

/// Lets through what is public, and `networks`.
pub fn vetting(networks: &str) -> Vetting {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Vetting::new(networks.parse().unwrap(), NETWORKS_SETTING)
}

/// Sends the example to an endpoint on loopback.
pub async fn send(config: SenderConfig) -> Attempt {
    let sender = Sender::new(config, vetting("127.0.0.0/8"), Arc::new(SystemClock)).unwrap();
    sender.send(&notification()).await
}

/// As [`send`], at a time of the test's choice.
pub async fn send_at(config: SenderConfig, now: &str) -> Attempt {
    let sender = Sender::new(config, vetting("127.0.0.0/8"), Arc::new(ManualClock::at(at(now)))).unwrap();
    sender.send(&notification()).await
}

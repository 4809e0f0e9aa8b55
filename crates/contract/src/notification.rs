//! The body of a webhook notification (contract 6.2).

use event::{StoredEvent, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::{EventBody, Record};

/// What the queue of the old system told of a notification, beside the event.
#[derive(Debug, Clone)]
pub struct QueueEntry {
    /// The same on every attempt.
    pub id: Uuid,
    /// The name of the queue, of the type, and what stands for `<notification_type>` in a URL.
    pub notification_type: &'static str,
    pub user_email: String,
    pub queued_at: Timestamp,
    /// When the last attempt before this one was made.
    pub last_attempt_at: Option<Timestamp>,
    /// When it is given up.
    pub gives_up_at: Timestamp,
}

/// The body, as every receiver of anchore-engine's notifications reads it.
#[derive(Debug, Serialize)]
pub struct NotificationBody {
    #[serde(rename = "queueId")]
    queue_id: &'static str,
    #[serde(rename = "userId")]
    user_id: String,
    #[serde(rename = "dataId")]
    data_id: Uuid,
    created_at: i64,
    last_updated: i64,
    record_state_key: &'static str,
    record_state_val: Option<()>,
    /// Zero, or the time of the last attempt: no count (contract 6.3).
    tries: i64,
    /// The time after which there is no other attempt: no count either.
    max_tries: i64,
    data: Data,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the contract's names")]
struct Data {
    notification_user: String,
    notification_user_email: String,
    notification_type: &'static str,
    notification_payload: Payload,
}

/// The stored record with two members more.
#[derive(Debug, Serialize)]
struct Payload {
    #[serde(rename = "userId")]
    user_id: String,
    #[serde(rename = "notificationId")]
    notification_id: Uuid,
    generated_uuid: String,
    created_at: Option<String>,
    event: EventBody,
}

impl NotificationBody {
    /// The notification of `stored` to the account that owns it.
    pub fn new(entry: QueueEntry, stored: StoredEvent) -> Self {
        let user = stored.event.resource.account.to_string();
        let record = Record::from(stored);
        Self {
            queue_id: entry.notification_type,
            user_id: user.clone(),
            data_id: entry.id,
            created_at: unix_seconds(entry.queued_at),
            last_updated: unix_seconds(entry.last_attempt_at.unwrap_or(entry.queued_at)),
            record_state_key: "active",
            record_state_val: None,
            tries: entry.last_attempt_at.map_or(0, unix_seconds),
            max_tries: unix_seconds(entry.gives_up_at),
            data: Data {
                notification_user: user.clone(),
                notification_user_email: entry.user_email,
                notification_type: entry.notification_type,
                notification_payload: Payload {
                    user_id: user,
                    notification_id: entry.id,
                    generated_uuid: record.generated_uuid,
                    created_at: record.created_at,
                    event: record.event,
                },
            },
        }
    }
}

fn unix_seconds(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The contract's example, to the letter.
    const EXAMPLE: &str = r#"{
      "queueId": "event_log",
      "userId": "admin",
      "dataId": "0f6a3c0e-7f4b-4c39-9a55-6d1f2f3b8a10",
      "created_at": 1530330990,
      "last_updated": 1530330990,
      "record_state_key": "active",
      "record_state_val": null,
      "tries": 0,
      "max_tries": 1530331020,
      "data": {
        "notification_user": "admin",
        "notification_user_email": "admin@example.com",
        "notification_type": "event_log",
        "notification_payload": {
          "userId": "admin",
          "notificationId": "0f6a3c0e-7f4b-4c39-9a55-6d1f2f3b8a10",
          "generated_uuid": "d77736ac78a043a9b84b3a1b8171aa44",
          "created_at": "2018-06-30T03:56:27.803114Z",
          "event": {
            "type": "list_tags_fail", "level": "ERROR", "message": "Failed to list tags in repository",
            "details": {}, "timestamp": "2018-06-30T03:56:27.711071Z",
            "resource": {"user_id": "admin", "type": "repository", "id": "registry.example.com/a/b"},
            "source": {"servicename": "catalog", "hostid": "dockerhostid-localhost",
                       "base_url": "http://localhost:8082", "request_id": null}
          }
        }
      }
    }"#;

    fn example() -> (QueueEntry, StoredEvent) {
        let payload = serde_json::from_str::<Value>(EXAMPLE).unwrap()["data"]["notification_payload"].clone();
        let event = crate::parse_published(&payload["event"].to_string(), &"other".parse().unwrap()).unwrap();
        let event = event::Event { id: "d77736ac78a043a9b84b3a1b8171aa44".parse().unwrap(), ..event };
        let queued_at: Timestamp = "2018-06-30T03:56:30.999999Z".parse().unwrap();
        let entry = QueueEntry {
            id: "0f6a3c0e-7f4b-4c39-9a55-6d1f2f3b8a10".parse().unwrap(),
            notification_type: "event_log",
            user_email: "admin@example.com".to_owned(),
            queued_at,
            last_attempt_at: None,
            gives_up_at: "2018-06-30T03:57:00Z".parse().unwrap(),
        };
        (entry, StoredEvent { event, stored_at: "2018-06-30T03:56:27.803114Z".parse().unwrap() })
    }

    #[test]
    fn a_first_attempt_is_the_contracts_example() {
        let (entry, stored) = example();
        let body = serde_json::to_value(NotificationBody::new(entry, stored)).unwrap();
        assert_eq!(body, serde_json::from_str::<Value>(EXAMPLE).unwrap());
    }

    #[test]
    fn a_later_attempt_tells_the_time_of_the_one_before() {
        let (mut entry, stored) = example();
        entry.last_attempt_at = Some("2018-06-30T03:56:40Z".parse().unwrap());
        let body = serde_json::to_value(NotificationBody::new(entry, stored)).unwrap();
        let expected = [("created_at", 1_530_330_990), ("last_updated", 1_530_331_000), ("tries", 1_530_331_000)];
        for (key, seconds) in expected {
            assert_eq!(body[key], seconds, "{key}");
        }
    }

    #[test]
    fn details_stay_as_the_emitter_wrote_them() {
        let (entry, mut stored) = example();
        let details = r#"{"z":12345678901234567890123,"a":1.50,"é":"\u0000"}"#;
        stored.event.details = event::Details::parse(details).unwrap();
        let body = serde_json::to_string(&NotificationBody::new(entry, stored)).unwrap();
        assert!(body.contains(r#""details":{"z":12345678901234567890123,"a":1.50,"é":"\u0000"}"#), "{body}");
    }
}

//! The stored record (contract 1.1).

use event::{Event, Json, StoredEvent};
use serde::Serialize;

/// A stored event as every read returns it. Keys come in alphabetical order, as the old clients print them.
#[derive(Debug, Serialize)]
pub struct Record {
    pub(crate) created_at: Option<String>,
    pub event: EventBody,
    pub(crate) generated_uuid: String,
}

/// The inner `event` object. Absent values are `null`, as servers since 0.6.0 send them.
#[derive(Debug, Serialize)]
pub struct EventBody {
    details: Json,
    level: &'static str,
    message: String,
    resource: ResourceBody,
    source: SourceBody,
    timestamp: String,
    r#type: String,
}

#[derive(Debug, Serialize)]
struct ResourceBody {
    id: Option<String>,
    r#type: Option<String>,
    user_id: String,
}

#[derive(Debug, Serialize)]
struct SourceBody {
    base_url: Option<String>,
    hostid: Option<String>,
    request_id: Option<String>,
    servicename: Option<String>,
}

impl From<StoredEvent> for Record {
    fn from(StoredEvent { event, stored_at }: StoredEvent) -> Self {
        Self { created_at: Some(stored_at.to_string()), ..Self::not_stored_yet(event) }
    }
}

impl Record {
    /// An event that is durable and will be stored: its `created_at` is null.
    pub fn not_stored_yet(event: Event) -> Self {
        Self {
            created_at: None,
            generated_uuid: event.id.to_string(),
            event: EventBody {
                details: event.details.tree(),
                level: event.level.as_str(),
                message: event.message,
                resource: ResourceBody {
                    id: event.resource.id,
                    r#type: event.resource.resource_type,
                    user_id: event.resource.account.to_string(),
                },
                source: SourceBody {
                    base_url: event.source.base_url,
                    hostid: event.source.host_id,
                    request_id: event.source.request_id,
                    servicename: event.source.service,
                },
                timestamp: event.occurred_at.to_string(),
                r#type: event.event_type,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's example, with the keys of `details` in the emitter's order.
    const EXAMPLE: &str = r#"{"created_at":"2018-06-30T03:56:27.803114Z","event":{"details":{"SkopeoError":{"exitcode":1,"cmd":"skopeo inspect ...","stdout":null}},"level":"ERROR","message":"Failed to list tags in repository","resource":{"id":"registry.example.com/wazowskis/sixwheeldrive","type":"repository","user_id":"admin"},"source":{"base_url":"http://localhost:8082","hostid":"dockerhostid-localhost","request_id":null,"servicename":"catalog"},"timestamp":"2018-06-30T03:56:27.711071Z","type":"list_tags_fail"},"generated_uuid":"d77736ac78a043a9b84b3a1b8171aa44"}"#;

    #[test]
    fn a_record_that_was_read_is_written_alike() {
        let stored_at = "2018-06-30T03:56:27.803114Z".parse().unwrap();
        let event = crate::parse_published(EXAMPLE, &"other".parse().unwrap()).unwrap();
        let record = Record::from(StoredEvent { event, stored_at });
        assert_eq!(serde_json::to_string(&record).unwrap(), EXAMPLE);
    }
}

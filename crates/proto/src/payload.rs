//! An event as it travels on a bus: an `events.v1.Event` in protobuf.

use event::{Event, Violations};
use prost::Message;

use crate::events::v1;

/// A message on the bus that is no event. It can never become one: put it aside.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("not an `events.v1.Event` in protobuf")]
    NotProtobuf(#[from] prost::DecodeError),
    #[error("not a valid event")]
    NotValid(#[from] Violations),
    #[error("names no account and no id, which every emitter fills in")]
    NotComplete,
}

pub fn encode_payload(event: &Event) -> Vec<u8> {
    v1::Event::from(event.clone()).encode_to_vec()
}

/// # Errors
/// [`PayloadError`], whatever the bytes are.
pub fn decode_payload(payload: &[u8]) -> Result<Event, PayloadError> {
    let sent = v1::Event::decode(payload)?;
    let account = sent.resource.as_ref().and_then(|resource| resource.account.parse().ok());
    match account {
        Some(account) if !sent.id.is_empty() => Ok(crate::check_event(sent, &account)?),
        _ => Err(PayloadError::NotComplete),
    }
}

#[cfg(test)]
mod tests {
    use event::{Details, Event, EventDraft, EventId, Level, Timestamp, Violations};
    use proptest::prelude::*;

    use super::*;

    fn any_event() -> impl Strategy<Value = Event> {
        let text = "[^\\p{Cc}]{0,40}";
        let times = Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros();
        (any::<[u8; 16]>(), "[a-z_.]{1,60}", any::<bool>(), "[^\\x00]{1,80}", any::<String>(), [text; 4], times)
            .prop_filter("a message is more than blanks", |parts| !parts.3.trim().is_empty())
            .prop_map(|(id, event_type, is_error, message, detail, [kind, resource, service, host], micros)| {
                let draft = EventDraft {
                    id: Some(EventId::from_bytes(id)),
                    event_type,
                    level: Some(if is_error { Level::Error } else { Level::Info }),
                    message,
                    details: Details::message(&detail),
                    resource_type: Some(kind),
                    resource_id: Some(resource),
                    source: event::Source { service: Some(service), host_id: Some(host), ..event::Source::default() },
                    occurred_at: Timestamp::from_micros(micros),
                    ..EventDraft::default()
                };
                draft.check(&"admin".parse().expect("a valid name"), Violations::default()).expect("a valid draft")
            })
    }

    proptest! {
        #[test]
        fn an_event_survives_the_bus(event in any_event()) {
            prop_assert_eq!(decode_payload(&encode_payload(&event)).unwrap(), event);
        }

        #[test]
        fn any_bytes_are_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_payload(&bytes);
        }
    }
}

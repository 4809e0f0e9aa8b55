//! An event in the interface and in the vocabulary.

use event::{AccountName, Details, Event, EventDraft, Level, Source, StoredEvent, Timestamp, Violation, Violations};

use crate::events::v1;

/// Checks an event as a publisher sent it. `publisher` owns it where it names no account.
///
/// # Errors
/// Every wrong field, by its path in `events.v1.Event`.
pub fn check_event(sent: v1::Event, publisher: &AccountName) -> Result<Event, Violations> {
    let mut violations = Violations::default();
    let resource = sent.resource.unwrap_or_default();
    let source = sent.source.unwrap_or_default();
    let draft = EventDraft {
        id: given(&sent.id).and_then(|id| violations.note("id", id.parse())),
        event_type: sent.r#type,
        level: violations.note("level", level_from_proto(sent.level)).flatten(),
        message: sent.message,
        details: given(&sent.details_json)
            .and_then(|text| violations.note("details_json", Details::parse(text)))
            .unwrap_or_default(),
        account: given(&resource.account).and_then(|name| violations.note("resource.account", name.parse())),
        resource_type: Some(resource.r#type),
        resource_id: Some(resource.id),
        source: Source {
            service: Some(source.service),
            host_id: Some(source.host_id),
            base_url: Some(source.base_url),
            request_id: Some(source.request_id),
        },
        occurred_at: sent.occurred_at.and_then(|at| violations.note("occurred_at", timestamp_from_proto(&at))),
    };
    draft.check(publisher, violations)
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<Event> for v1::Event {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            r#type: event.event_type,
            level: level_to_proto(Some(event.level)).into(),
            message: event.message,
            details_json: event.details.as_json().to_owned(),
            resource: Some(v1::Resource {
                account: event.resource.account.to_string(),
                r#type: event.resource.resource_type.unwrap_or_default(),
                id: event.resource.id.unwrap_or_default(),
            }),
            source: Some(v1::Source {
                service: event.source.service.unwrap_or_default(),
                host_id: event.source.host_id.unwrap_or_default(),
                base_url: event.source.base_url.unwrap_or_default(),
                request_id: event.source.request_id.unwrap_or_default(),
            }),
            occurred_at: Some(timestamp_to_proto(event.occurred_at)),
            stored_at: None,
        }
    }
}

impl From<StoredEvent> for v1::Event {
    fn from(stored: StoredEvent) -> Self {
        Self { stored_at: Some(timestamp_to_proto(stored.stored_at)), ..stored.event.into() }
    }
}

/// An event as a server answered it.
impl TryFrom<v1::Event> for StoredEvent {
    type Error = Violations;

    fn try_from(answered: v1::Event) -> Result<Self, Violations> {
        let Some(stored_at) = answered.stored_at else {
            return Err(Violation::new("stored_at", "missing in a stored event").into());
        };
        let account = answered.resource.as_ref().map_or("", |resource| &resource.account);
        let account: AccountName = account.parse().map_err(|error| Violation::new("resource.account", error))?;
        let stored_at = timestamp_from_proto(&stored_at).map_err(|error| Violation::new("stored_at", error))?;
        Ok(Self { event: check_event(answered, &account)?, stored_at })
    }
}

/// `None` for the unspecified level.
///
/// # Errors
/// A number that is no level.
pub fn level_from_proto(level: i32) -> Result<Option<Level>, String> {
    match v1::Level::try_from(level) {
        Ok(v1::Level::Unspecified) => Ok(None),
        Ok(v1::Level::Info) => Ok(Some(Level::Info)),
        Ok(v1::Level::Error) => Ok(Some(Level::Error)),
        Err(_) => Err(format!("unknown level number {level}, expected LEVEL_INFO or LEVEL_ERROR")),
    }
}

pub fn level_to_proto(level: Option<Level>) -> v1::Level {
    match level {
        None => v1::Level::Unspecified,
        Some(Level::Info) => v1::Level::Info,
        Some(Level::Error) => v1::Level::Error,
    }
}

/// Cuts off digits finer than a microsecond.
///
/// # Errors
/// What is outside the years 1 to 9999, or has no valid nanoseconds.
pub fn timestamp_from_proto(at: &prost_types::Timestamp) -> Result<Timestamp, String> {
    let nanos = u32::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let micros = nanos.and_then(|nanos| at.seconds.checked_mul(1_000_000)?.checked_add(i64::from(nanos / 1000)));
    micros
        .and_then(Timestamp::from_micros)
        .ok_or_else(|| format!("{}s {}ns is no time within the years 1 to 9999", at.seconds, at.nanos))
}

pub fn timestamp_to_proto(at: Timestamp) -> prost_types::Timestamp {
    let nanos = at.as_micros().rem_euclid(1_000_000) * 1000;
    prost_types::Timestamp {
        seconds: at.as_micros().div_euclid(1_000_000),
        nanos: i32::try_from(nanos).expect("less than a second of nanoseconds fits"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> v1::Event {
        v1::Event {
            r#type: "list_tags_fail".into(),
            level: v1::Level::Error.into(),
            message: "Failed to list tags in repository".into(),
            occurred_at: Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 711_071_999 }),
            ..v1::Event::default()
        }
    }

    fn check(change: impl FnOnce(&mut v1::Event), expected: &str) {
        let mut sent = sent();
        change(&mut sent);
        let answer = check_event(sent, &"admin".parse().unwrap());
        assert_eq!(answer.map_or_else(|refused| refused.to_string(), |event| event.occurred_at.to_string()), expected);
    }

    #[test]
    fn wrong_fields_are_named_as_in_the_interface() {
        check(|_| (), "2018-06-30T03:56:27.711071Z");
        check(|sent| sent.level = 7, "level: unknown level number 7, expected LEVEL_INFO or LEVEL_ERROR");
        check(|sent| sent.level = 0, "level: missing, expected `info` or `error`");
        check(|sent| sent.id = "7".into(), "id: `7` is no event ID, expected 32 lower-case hex digits");
        check(
            |sent| sent.occurred_at = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
            "occurred_at: 9223372036854775807s 0ns is no time within the years 1 to 9999",
        );
        check(
            |sent| sent.details_json = "{".into(),
            "details_json: not JSON: EOF while parsing an object at line 1 column 1",
        );
    }

    #[test]
    fn times_before_1970_keep_their_fraction() {
        let at: Timestamp = "1969-12-31T23:59:59.250001Z".parse().unwrap();
        assert_eq!(timestamp_from_proto(&timestamp_to_proto(at)), Ok(at));
    }
}

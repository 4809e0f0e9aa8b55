//! What makes an event valid.

use crate::{AccountName, Details, Event, EventId, Level, Resource, Source, Timestamp, Violation, Violations};

/// Longest `type`, in bytes.
pub const TYPE_BYTES_MAX: usize = 128;
/// Longest `message`, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// Longest `resource.id`, in bytes: room for a registry, a repository, a tag and a digest.
pub const RESOURCE_ID_BYTES_MAX: usize = 1024;
/// Longest `resource.type`, `source.service`, `source.host_id` and `source.request_id`, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest `source.base_url`, in bytes.
pub const BASE_URL_BYTES_MAX: usize = 1024;

/// An event that nobody has checked yet. An empty text counts as absent (contract 1.1).
#[derive(Debug, Clone, Default)]
pub struct EventDraft {
    /// Absent: a new one is made.
    pub id: Option<EventId>,
    pub event_type: String,
    pub level: Option<Level>,
    pub message: String,
    pub details: Details,
    /// Absent: the account of the publisher.
    pub account: Option<AccountName>,
    pub resource_type: Option<String>,
    pub resource_id: Option<String>,
    pub source: Source,
    pub occurred_at: Option<Timestamp>,
}

impl EventDraft {
    /// The event, if every field is right. `publisher` owns it where the draft names no account; `found` are the
    /// violations an edge has met while it read the draft.
    ///
    /// # Errors
    /// Every violation, `found` ones first. A field that `found` names already is not reported as missing again.
    pub fn check(self, publisher: &AccountName, found: Violations) -> Result<Event, Violations> {
        let mut checked = Check { violations: found };
        checked.required("type", &self.event_type, TYPE_BYTES_MAX);
        checked.label("type", Some(&self.event_type), TYPE_BYTES_MAX);
        checked.present("level", self.level.is_some(), "`info` or `error`");
        checked.required("message", &self.message, MESSAGE_BYTES_MAX);
        checked.without_nul("message", &self.message);
        checked.present("occurred_at", self.occurred_at.is_some(), "the time at which it happened");
        let resource_type = checked.label("resource.type", self.resource_type.as_deref(), NAME_BYTES_MAX);
        let resource_id = checked.label("resource.id", self.resource_id.as_deref(), RESOURCE_ID_BYTES_MAX);
        let source = Source {
            service: checked.label("source.service", self.source.service.as_deref(), NAME_BYTES_MAX),
            host_id: checked.label("source.host_id", self.source.host_id.as_deref(), NAME_BYTES_MAX),
            base_url: checked.label("source.base_url", self.source.base_url.as_deref(), BASE_URL_BYTES_MAX),
            request_id: checked.label("source.request_id", self.source.request_id.as_deref(), NAME_BYTES_MAX),
        };
        checked.violations.into_result()?;
        let (Some(level), Some(occurred_at)) = (self.level, self.occurred_at) else {
            unreachable!("an absent level or time is a violation");
        };
        Ok(Event {
            id: self.id.unwrap_or_else(EventId::generate),
            event_type: self.event_type,
            level,
            message: self.message,
            details: self.details,
            resource: Resource {
                account: self.account.unwrap_or_else(|| publisher.clone()),
                resource_type,
                id: resource_id,
            },
            source,
            occurred_at,
        })
    }
}

struct Check {
    violations: Violations,
}

impl Check {
    fn refuse(&mut self, field: &str, problem: String) {
        if self.violations.0.iter().all(|violation| violation.field != field) {
            self.violations.0.push(Violation::new(field, problem));
        }
    }

    fn present(&mut self, field: &str, is_present: bool, expected: &str) {
        if !is_present {
            self.refuse(field, format!("missing, expected {expected}"));
        }
    }

    fn required(&mut self, field: &str, text: &str, bytes_max: usize) {
        self.present(field, !text.trim().is_empty(), "a text");
        self.within(field, text, bytes_max);
    }

    fn within(&mut self, field: &str, text: &str, bytes_max: usize) {
        if text.len() > bytes_max {
            self.refuse(field, format!("{} bytes, expected at most {bytes_max}", text.len()));
        }
    }

    /// PostgreSQL keeps no U+0000 in a text.
    fn without_nul(&mut self, field: &str, text: &str) {
        if text.contains('\0') {
            self.refuse(field, "contains the character U+0000".to_owned());
        }
    }

    /// A one-line text: these stand in tables, subjects and URLs.
    fn label(&mut self, field: &str, text: Option<&str>, bytes_max: usize) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        self.within(field, text, bytes_max);
        if let Some(control) = text.chars().find(|character| character.is_control()) {
            self.refuse(field, format!("contains the control character U+{:04X}", u32::from(control)));
        }
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> EventDraft {
        EventDraft {
            event_type: "list_tags_fail".into(),
            level: Some(Level::Error),
            message: "Failed to list tags in repository".into(),
            occurred_at: "2018-06-30T03:56:27Z".parse().ok(),
            ..EventDraft::default()
        }
    }

    fn check(change: impl FnOnce(&mut EventDraft), expected: &str) {
        let mut draft = draft();
        change(&mut draft);
        let refused = draft.check(&"admin".parse().unwrap(), Violations::default()).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn absent_parts_get_their_defaults() {
        let event = draft().check(&"alice".parse().unwrap(), Violations::default()).unwrap();
        assert_eq!(event.resource.account.as_str(), "alice");
        assert_eq!(event.details, Details::default());
        assert_eq!(event.source, Source::default());
    }

    #[test]
    fn every_refusal_names_its_field() {
        check(|draft| draft.event_type = " ".into(), "type: missing, expected a text");
        check(|draft| draft.level = None, "level: missing, expected `info` or `error`");
        check(|draft| draft.occurred_at = None, "occurred_at: missing, expected the time at which it happened");
        check(|draft| draft.event_type = "t".repeat(129), "type: 129 bytes, expected at most 128");
        check(|draft| draft.message = "m".repeat(4097), "message: 4097 bytes, expected at most 4096");
        check(|draft| draft.message = "a\0b".into(), "message: contains the character U+0000");
        check(|draft| draft.resource_id = Some("a\nb".into()), "resource.id: contains the control character U+000A");
        check(
            |draft| {
                draft.level = None;
                draft.source.service = Some("s".repeat(257));
            },
            "level: missing, expected `info` or `error`; source.service: 257 bytes, expected at most 256",
        );
    }

    #[test]
    fn a_field_is_reported_once() {
        let mut draft = draft();
        draft.level = None;
        let mut found = Violations::default();
        found.note("level", "loud".parse::<Level>());
        let refused = draft.check(&"admin".parse().unwrap(), found).unwrap_err();
        assert_eq!(refused.to_string(), "level: unknown level `loud`, expected `info` or `error`");
    }
}

//! What travels over the bus, and under which subject: events as `events.v1.<account>.<level>.<service>.<type>` (design
//! section 5), so that any NATS client may follow a part of the stream, and work that one service leaves to another.

use event::Event;

/// What a message is: its subject says so, and a consumer may read one topic only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What happened; see [`event_subject`].
    Events,
    /// Images to analyse: left by whoever meets one, taken by the analyzer.
    AnalysisJobs,
}

impl Topic {
    pub const ALL: [Self; 2] = [Self::Events, Self::AnalysisJobs];

    /// What each of its subjects begins with, before a dot.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Events => "events.v1",
            Self::AnalysisJobs => "jobs.v1.analysis",
        }
    }

    /// The topic of a message with this subject.
    pub fn of(subject: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.holds(subject))
    }

    /// Whether `subject` belongs to this topic.
    pub fn holds(self, subject: &str) -> bool {
        subject.strip_prefix(self.prefix()).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// The subject of `event`. Only a hint for routing: what counts is inside the payload.
///
/// In the account and the service every character that NATS gives a meaning becomes `_`. The dots of a dotted type
/// stay, so `events.v1.*.error.*.system.repository.>` works; a type's `*`, `>` and blanks become `_` too.
pub fn event_subject(event: &Event) -> String {
    let account = token(event.resource.account.as_str());
    let level = event.level.as_str().to_ascii_lowercase();
    let service = token(event.source.service.as_deref().unwrap_or_default());
    let event_type: Vec<String> = event.event_type.split('.').map(token).collect();
    format!("{}.{account}.{level}.{service}.{}", Topic::Events.prefix(), event_type.join("."))
}

/// One subject token; an absent value is `_`.
pub(crate) fn token(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_@+".contains(character);
    let token: String = text.chars().map(|character| if plain(character) { character } else { '_' }).collect();
    if token.is_empty() { "_".to_owned() } else { token }
}

#[cfg(test)]
mod tests {
    use event::{EventDraft, Source, Violations};

    use super::*;

    fn check(account: &str, service: Option<&str>, event_type: &str, expected: &str) {
        let draft = EventDraft {
            event_type: event_type.into(),
            level: Some(event::Level::Error),
            message: "m".into(),
            source: Source { service: service.map(Into::into), ..Source::default() },
            occurred_at: "2018-06-30".parse().ok(),
            ..EventDraft::default()
        };
        let event = draft.check(&account.parse().unwrap(), Violations::default()).unwrap();
        assert_eq!(event_subject(&event), expected);
    }

    #[test]
    fn a_subject_is_built_of_plain_tokens() {
        check("admin", Some("catalog"), "list_tags_fail", "events.v1.admin.error.catalog.list_tags_fail");
        check("a.b", None, "system.feeds.sync.failed", "events.v1.a_b.error._.system.feeds.sync.failed");
        check("a", Some("x > *"), "a..b *", "events.v1.a.error.x____.a._.b__");
    }
}

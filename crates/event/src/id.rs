//! The identity of an event.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Identity of an event, made once by whoever emits it, so that a retry is a duplicate and not a new event.
///
/// Its text is 32 lower-case hex digits without dashes (contract 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

/// A text that is no event ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event ID, expected 32 lower-case hex digits")]
pub struct EventIdError(String);

impl EventId {
    /// A new ID (UUID version 7, RFC 9562): ordered by time, and strictly increasing within this process even when the
    /// clock stands still or is set back.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    /// Strict: one event has one spelling, so upper case, dashes and braces are refused.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let refused = || EventIdError(text.chars().take(64).collect());
        if !well_formed {
            return Err(refused());
        }
        Uuid::try_parse(text).map(Self).map_err(|_| refused())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_within_a_process() {
        let ids: Vec<_> = (0..10_000).map(|_| EventId::generate()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn only_one_spelling_is_an_id() {
        let check = |text: &str, accepted: bool| assert_eq!(text.parse::<EventId>().is_ok(), accepted, "{text}");
        check("d77736ac78a043a9b84b3a1b8171aa44", true);
        check("D77736AC78A043A9B84B3A1B8171AA44", false);
        check("d77736ac-78a0-43a9-b84b-3a1b8171aa44", false);
        check("d77736ac78a043a9b84b3a1b8171aa4", false);
        check("", false);
        check("é7736ac78a043a9b84b3a1b8171aa44", false);
    }
}

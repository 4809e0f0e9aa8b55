//! What the store has yet to confirm.

use std::collections::HashMap;
use std::time::Instant;

use bus::{Settlement, Token, Verdict};

/// Messages that are on the bus and not confirmed yet, by their IDs; the log itself bounds how many there are.
#[derive(Default)]
pub struct Awaited {
    messages: HashMap<String, Sent>,
    /// When the store last confirmed anything at all, ours or another's.
    heard_at: Option<Instant>,
}

struct Sent {
    token: Token,
    at: Instant,
}

impl Awaited {
    /// Notes a message before it is published: its confirmation may come before the bus's own acknowledgement.
    pub fn expect(&mut self, id: &str, token: Token, now: Instant) {
        self.messages.insert(id.to_owned(), Sent { token, at: now });
    }

    /// The settlements of those of `ids` that are ours.
    pub fn confirmed<'a>(&mut self, ids: impl Iterator<Item = &'a str>, now: Instant) -> Vec<Settlement> {
        self.heard_at = Some(now);
        let sent = ids.filter_map(|id| self.messages.remove(id));
        sent.map(|sent| Settlement { token: sent.token, verdict: Verdict::Ack }).collect()
    }

    /// Whether a message that comes back unconfirmed is likely lost: the store has confirmed others since it was sent.
    /// While the store says nothing at all it is probably away, and publishing again would only fill the bus.
    pub fn is_overdue(&self, id: &str) -> bool {
        match self.messages.get(id) {
            // Sent by an earlier process, or not sent yet.
            None => true,
            Some(sent) => self.heard_at.is_some_and(|heard| heard > sent.at),
        }
    }

    /// The message is held under a new token, but was not sent again.
    pub fn hold(&mut self, id: &str, token: Token) {
        if let Some(sent) = self.messages.get_mut(id) {
            sent.token = token;
        }
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_message_is_overdue_when_the_store_has_confirmed_later_ones() {
        let mut awaited = Awaited::default();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(awaited.is_overdue("a"));
        awaited.expect("a", Token("1".into()), at(1));
        assert!(!awaited.is_overdue("a"));
        assert_eq!(awaited.confirmed(["x"].into_iter(), at(2)).len(), 0);
        assert!(awaited.is_overdue("a"));
        awaited.expect("a", Token("2".into()), at(3));
        assert!(!awaited.is_overdue("a"));
        let settled = awaited.confirmed(["a", "a", "b"].into_iter(), at(4));
        assert_eq!(settled.iter().map(|settlement| settlement.token.0.as_str()).collect::<Vec<_>>(), ["2"]);
        assert_eq!(awaited.len(), 0);
    }
}

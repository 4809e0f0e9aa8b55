//! What the store has yet to confirm.

use std::collections::HashMap;
use std::time::Instant;

use bus::{Message, Settlement, Token, Topic, Verdict};

use crate::forwarder::CONFIRM_WAIT;

/// Messages that are on the bus and not confirmed yet, by their IDs; the log itself bounds how many there are.
///
/// The bus keeps their order, so when a message is confirmed, those of its topic that were sent before it should be, too:
/// one that is not is likely lost, on the bus or by a lost confirmation. While nothing is confirmed, whoever takes the
/// topic is away or behind, and sending everything again would only fill the bus. So one message is, from time to time,
/// to find out.
#[derive(Default)]
pub struct Awaited {
    messages: HashMap<String, Sent>,
    topics: HashMap<Option<Topic>, Progress>,
    /// How many were sent.
    count: u64,
}

struct Sent {
    token: Token,
    topic: Option<Topic>,
    number: u64,
}

#[derive(Default)]
struct Progress {
    /// The latest message that was confirmed.
    confirmed: u64,
    probed_at: Option<Instant>,
}

/// What came back from the log, parted.
#[derive(Default)]
pub struct Sifted {
    /// To be sent: new ones, ones that are likely lost, and now and then one to find out.
    pub due: Vec<Message>,
    /// Those that wait on.
    pub held: Vec<Message>,
}

impl Awaited {
    /// Notes a message before it is published: its confirmation may come before the bus's own acknowledgement.
    pub fn expect(&mut self, message: &Message) {
        self.count += 1;
        let sent = Sent { token: message.token.clone(), topic: Topic::of(&message.subject), number: self.count };
        self.messages.insert(message.id.clone(), sent);
    }

    /// The settlements of those of `ids` that are ours, and whether events are among them.
    pub fn confirmed<'a>(&mut self, ids: impl Iterator<Item = &'a str>) -> (Vec<Settlement>, bool) {
        let mut settlements = Vec::new();
        let mut are_events = false;
        for sent in ids.filter_map(|id| self.messages.remove(id)) {
            are_events |= sent.topic == Some(Topic::Events);
            let progress = self.topics.entry(sent.topic).or_default();
            progress.confirmed = progress.confirmed.max(sent.number);
            settlements.push(Settlement { token: sent.token, verdict: Verdict::Ack });
        }
        (settlements, are_events)
    }

    /// Parts what the log has delivered, in its order.
    pub fn sift(&mut self, batch: Vec<Message>, now: Instant) -> Sifted {
        let mut sifted = Sifted::default();
        for message in batch {
            if message.attempt == 1 || self.is_likely_lost(&message) || self.may_probe(&message, now) {
                sifted.due.push(message);
            } else {
                if let Some(sent) = self.messages.get_mut(&message.id) {
                    sent.token = message.token.clone();
                }
                sifted.held.push(message);
            }
        }
        sifted
    }

    fn is_likely_lost(&self, message: &Message) -> bool {
        // One that is not known was sent by an earlier process, or not at all.
        self.messages
            .get(&message.id)
            .is_none_or(|sent| self.topics.get(&sent.topic).is_some_and(|progress| sent.number < progress.confirmed))
    }

    fn may_probe(&mut self, message: &Message, now: Instant) -> bool {
        let progress = self.topics.entry(Topic::of(&message.subject)).or_default();
        let may = progress.probed_at.is_none_or(|at| now.duration_since(at) >= CONFIRM_WAIT);
        if may {
            progress.probed_at = Some(now);
        }
        may
    }

    /// The message is settled in another way.
    pub fn forget(&mut self, id: &str) {
        self.messages.remove(id);
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, attempt: u32) -> Message {
        let subject = if id.starts_with("job") { "jobs.v1.analysis.admin" } else { "events.v1.admin.info.x.y" };
        let token = Token(format!("{id}.{attempt}"));
        Message { id: id.to_owned(), subject: subject.to_owned(), payload: Vec::new(), attempt, token }
    }

    /// Sifts deliveries of `ids`, and sends what is due.
    fn check(awaited: &mut Awaited, ids: &[&str], attempt: u32, now: Instant, expected: &[&str]) {
        let sifted = awaited.sift(ids.iter().map(|id| message(id, attempt)).collect(), now);
        let due: Vec<&str> = sifted.due.iter().map(|message| message.id.as_str()).collect();
        assert_eq!(due, expected, "of {ids:?}, attempt {attempt}");
        assert_eq!(sifted.held.len(), ids.len() - due.len());
        sifted.due.iter().for_each(|message| awaited.expect(message));
    }

    fn confirm(awaited: &mut Awaited, ids: &[&str]) -> Vec<String> {
        awaited.confirmed(ids.iter().copied()).0.into_iter().map(|settlement| settlement.token.0).collect()
    }

    #[test]
    fn what_was_sent_before_a_confirmed_message_is_sent_again() {
        let mut awaited = Awaited::default();
        let now = Instant::now();
        check(&mut awaited, &["a", "b", "c", "d"], 1, now, &["a", "b", "c", "d"]);
        assert_eq!(confirm(&mut awaited, &["c", "x", "c"]), ["c.1"]);
        check(&mut awaited, &["a", "b"], 2, now, &["a", "b"]);
        // One to find out, then nothing.
        check(&mut awaited, &["d"], 2, now, &["d"]);
        check(&mut awaited, &["d"], 3, now, &[]);
        assert_eq!(confirm(&mut awaited, &["d", "a", "b"]), ["d.3", "a.2", "b.2"]);
        assert_eq!(awaited.len(), 0);
    }

    #[test]
    fn while_nothing_is_confirmed_one_message_a_time_finds_out() {
        let mut awaited = Awaited::default();
        let begun = Instant::now();
        check(&mut awaited, &["a", "b", "c"], 1, begun, &["a", "b", "c"]);
        check(&mut awaited, &["a", "b", "c"], 2, begun, &["a"]);
        check(&mut awaited, &["b", "c"], 3, begun, &[]);
        check(&mut awaited, &["b", "c", "a"], 4, begun + CONFIRM_WAIT, &["b"]);
        assert_eq!(confirm(&mut awaited, &["b"]), ["b.4"]);
        check(&mut awaited, &["c", "a"], 5, begun + CONFIRM_WAIT, &["c", "a"]);
    }

    #[test]
    fn topics_are_taken_by_others_and_say_nothing_of_each_other() {
        let mut awaited = Awaited::default();
        let now = Instant::now();
        check(&mut awaited, &["job-1", "job-2", "a"], 1, now, &["job-1", "job-2", "a"]);
        confirm(&mut awaited, &["a"]);
        check(&mut awaited, &["job-1", "job-2"], 2, now, &["job-1"]);
        assert!(!awaited.confirmed(["job-2"].into_iter()).1);
    }

    #[test]
    fn what_an_earlier_process_sent_is_sent_again() {
        check(&mut Awaited::default(), &["a"], 2, Instant::now(), &["a"]);
    }
}

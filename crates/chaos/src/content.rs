//! What each event says: a function of seed, source and sequence number, so that the checker can tell what an event
//! must look like without having been told by who published it.

use std::time::Duration;

use event::{Details, EventId, Timestamp};
use serde_json::Value;

use crate::random::Random;

/// Events of a source that a purge deletes together.
const PART_EVENTS: u64 = 40;
/// Events of a publishing source that have the same time, so that only their IDs put them in order.
const SAME_TIME_EVENTS: u64 = 5;
/// When the first event of each publishing source occurred: 2026-01-01, in microseconds.
const FIRST_AT: i64 = 1_767_225_600_000_000;
/// The clocks of emitters tick this slowly, so that many of their events have the same time.
pub const TICK: Duration = Duration::from_millis(20);

/// The `details` of an event, to the letter.
pub fn details(seed: u64, source: &str, sequence: u64) -> Details {
    let mut random = Random::of(seed ^ sequence, source);
    let length = if random.one_in(20) { random.below(4000) } else { random.below(300) };
    let alphabet = ['a', 'Z', '0', ' ', 'ü', '\u{1f980}', '"', '\\', '\n', '<'];
    let padding: String = (0..length).map(|_| *random.pick(&alphabet)).collect();
    let padding = Value::String(padding);
    let text = format!(
        r#"{{"source": "{source}", "sequence": {sequence}, "exact": {}.{:06}e-7, "padding": {padding}}}"#,
        u64::MAX,
        random.below(1_000_000)
    );
    Details::parse(&text).expect("an object within the bounds")
}

/// The sequence number that `details` tell.
pub fn sequence_of(details: &str) -> Option<u64> {
    serde_json::from_str::<Value>(details).ok()?.get("sequence")?.as_u64()
}

/// The `resource.id`: what a purge selects by.
pub fn part(sequence: u64) -> String {
    format!("part-{}", sequence / PART_EVENTS)
}

/// The ID under which a publishing source publishes, however often. Increasing within the source.
pub fn published_id(seed: u64, source: &str, sequence: u64) -> EventId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&Random::of(seed, source).below(u64::MAX).to_be_bytes());
    bytes[8..].copy_from_slice(&sequence.to_be_bytes());
    EventId::from_bytes(bytes)
}

/// When an event of a publishing source occurred.
pub fn published_at(sequence: u64) -> Timestamp {
    let steps = i64::try_from(sequence / SAME_TIME_EVENTS).expect("few events");
    Timestamp::from_micros(FIRST_AT + steps * 1000).expect("a time of this century")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ids_put_the_events_of_a_source_in_order() {
        let order = |sequence| (published_at(sequence), published_id(7, "publisher-1", sequence));
        assert!((1..2000).all(|sequence| order(sequence) < order(sequence + 1)));
        assert_eq!(published_at(5), published_at(6));
    }

    #[test]
    fn details_tell_their_sequence_number() {
        assert_eq!(sequence_of(details(7, "publisher-1", 12).as_json()), Some(12));
        assert_ne!(details(7, "publisher-1", 12), details(8, "publisher-1", 12));
    }
}

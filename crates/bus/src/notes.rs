//! Notes: what is said at the moment, to whoever listens at the moment.

use async_trait::async_trait;
use event::Timestamp;
use futures::stream::BoxStream;

use crate::BusError;

/// The topic on which a service tells what it has taken over from the bus for good: a [`StoredNote`].
pub const STORED: &str = "stored";

/// The topic on which an outbox asks for messages that nobody has confirmed in time: an [`AskedNote`]. Whoever has them
/// tells so on [`STORED`].
pub const ASKED: &str = "asked";

/// Most IDs in one [`AskedNote`].
pub const ASKED_IDS_MAX: usize = 500;

/// Messages that are safe with whoever consumes them, so that an outbox may forget them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNote {
    /// The consumer's clock: when it took them in.
    pub stored_at: Timestamp,
    /// IDs of the messages.
    pub ids: Vec<String>,
}

impl StoredNote {
    /// The time in microseconds since 1970, then the IDs, one a line.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = self.stored_at.as_micros().to_string();
        for id in &self.ids {
            text.push('\n');
            text.push_str(id);
        }
        text.into_bytes()
    }

    /// `None` for a note that is none of ours.
    pub fn decode(note: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(note).ok()?.lines();
        let stored_at = Timestamp::from_micros(lines.next()?.parse().ok()?)?;
        Some(Self { stored_at, ids: lines.map(str::to_owned).collect() })
    }
}

/// Messages that an outbox has waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedNote {
    /// IDs of the messages, at most [`ASKED_IDS_MAX`].
    pub ids: Vec<String>,
}

impl AskedNote {
    /// The IDs, one a line.
    pub fn encode(&self) -> Vec<u8> {
        self.ids.join("\n").into_bytes()
    }

    /// `None` for a note that is none of ours.
    pub fn decode(note: &[u8]) -> Option<Self> {
        let ids: Vec<String> = std::str::from_utf8(note).ok()?.lines().map(str::to_owned).collect();
        (ids.len() <= ASKED_IDS_MAX).then_some(Self { ids })
    }
}

/// A bus that carries notes beside its messages. A note reaches everyone who hears its topic, at most once; it is not
/// kept, and may be lost. So it may only say what its hearer finds out in another way as well.
#[async_trait]
pub trait Notes: Send + Sync + 'static {
    /// `topic` is one plain word.
    async fn tell(&self, topic: &str, note: Vec<u8>) -> Result<(), BusError>;

    /// The notes on `topic` from now on, until the bus ends; a connection that comes back goes on with them.
    async fn hear(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_reads_as_it_was_written() {
        let stored_at = "2018-06-30T03:56:27.711071Z".parse().unwrap();
        for ids in [vec![], vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]] {
            let note = StoredNote { stored_at, ids };
            assert_eq!(StoredNote::decode(&note.encode()), Some(note));
        }
        assert_eq!(StoredNote::decode(b"a\nb"), None);
        assert_eq!(StoredNote::decode(b""), None);
        for ids in [vec![], vec!["a".to_owned(), "b".to_owned()]] {
            let note = AskedNote { ids };
            assert_eq!(AskedNote::decode(&note.encode()), Some(note));
        }
        assert_eq!(AskedNote::decode("a\n".repeat(ASKED_IDS_MAX + 1).as_bytes()), None);
    }
}

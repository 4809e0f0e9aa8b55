//! Events that wait to be sent together.

use event::AccountName;
use proto::events::v1;

use super::lines::Line;

/// Events of one call.
const BATCH_EVENTS_MAX: usize = 500;
/// Text of the lines of one call, in bytes.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An event that is not confirmed yet.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The line it came from, from 1.
    pub line: u64,
    bytes: usize,
    pub event: v1::Event,
}

impl Pending {
    /// The event on a line; `None` on a blank one. It gets its ID here, so that sending it again is a repeat.
    ///
    /// # Errors
    /// The number of the line, and each thing that is wrong with it.
    pub fn parse(line: Line, account: &AccountName) -> Result<Option<Self>, (u64, Vec<String>)> {
        let Line { number, text } = line;
        let text = text.map_err(|problem| (number, vec![problem]))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        match contract::parse_published(&text, account) {
            Ok(event) => Ok(Some(Self { line: number, bytes: text.len(), event: event.into() })),
            Err(violations) => {
                Err((number, violations.0.iter().map(|violation| on_a_line(&violation.to_string())).collect()))
            }
        }
    }
}

/// The reader of JSON counts lines as well, and sees one.
fn on_a_line(problem: &str) -> String {
    problem.replace(" at line 1 column ", " at column ")
}

#[derive(Debug, Default)]
pub struct Batch {
    events: Vec<Pending>,
    bytes: usize,
}

impl Batch {
    pub fn push(&mut self, pending: Pending) {
        self.bytes += pending.bytes;
        self.events.push(pending);
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    /// The events, which leaves the batch empty.
    pub fn take(&mut self) -> Vec<Pending> {
        std::mem::take(self).events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Pending>, (u64, Vec<String>)> {
        Pending::parse(Line { number: 57, text: Ok(text.to_owned()) }, &"admin".parse().unwrap())
    }

    #[test]
    fn every_wrong_field_of_a_line_is_named() {
        let (line, problems) = parse(r#"{"type":"t","level":"loud","message":""}"#).unwrap_err();
        assert_eq!(line, 57);
        let expected = [
            "level: unknown level `loud`, expected `info` or `error`",
            "message: missing, expected a text",
            "timestamp: missing, expected the time at which it happened",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_batch_is_full_by_count_or_by_size() {
        let event = r#"{"type":"t","level":"info","message":"m","timestamp":"2018-06-30"}"#;
        let pending = parse(event).unwrap().unwrap();
        assert_eq!(pending.event.id.len(), 32);
        let mut batch = Batch::default();
        for _ in 0..BATCH_EVENTS_MAX {
            assert!(!batch.is_full());
            batch.push(pending.clone());
        }
        assert!(batch.is_full());
        assert_eq!(batch.take().len(), BATCH_EVENTS_MAX);
        assert!(batch.is_empty() && !batch.is_full());
        batch.push(Pending { bytes: BATCH_BYTES_MAX, ..pending });
        assert!(batch.is_full());
        assert!(parse(" \r").unwrap().is_none());
    }
}

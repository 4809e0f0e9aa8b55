//! The records of a feed, as far as counting and telling changes needs them.

use cause::{Cause, CauseCode, truncated};
use event::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// Longest ID of a record, in bytes.
const ID_BYTES_MAX: usize = 512;
/// Records that are handed on together.
pub(crate) const BATCH_RECORDS: usize = 1000;
/// Skipped records that a result names.
const SKIPS_NAMED_MAX: usize = 3;
/// Longest reason that a result names, in bytes.
const SKIP_BYTES_MAX: usize = 256;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Unique within its group.
    pub(crate) id: String,
    /// Of its content.
    pub(crate) digest: [u8; 32],
    /// As its publisher says, where the feed tells.
    pub(crate) modified: Option<Timestamp>,
}

/// SHA-256 of a JSON text that does not depend on its blanks and the order of its keys.
///
/// # Errors
/// It is no JSON.
pub(crate) fn digest_of_json(text: &[u8]) -> Result<[u8; 32], serde_json::Error> {
    let value: Value = serde_json::from_slice(text)?;
    let mut sha256 = Sha256::new();
    // A map of serde_json is in order of its keys.
    sha256.update(serde_json::to_vec(&value)?);
    Ok(sha256.finalize().into())
}

/// Records that were left out, and why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Skips {
    pub(crate) count: u64,
    /// The first reason.
    pub(crate) first: Option<Cause>,
    /// The first few, in words.
    pub(crate) named: Vec<String>,
}

impl Skips {
    /// `what` names the record as well as it can be named.
    pub(crate) fn add(&mut self, what: &str, cause: Cause) {
        self.count += 1;
        if self.named.len() < SKIPS_NAMED_MAX {
            self.named.push(truncated(&format!("{what}: {}", cause.summary()), SKIP_BYTES_MAX));
        }
        self.first.get_or_insert(cause);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        let room = SKIPS_NAMED_MAX.saturating_sub(self.named.len());
        self.named.extend(other.named.into_iter().take(room));
        self.first = self.first.take().or(other.first);
    }
}

/// A record that cannot be understood.
pub(crate) fn not_understood(problem: impl std::fmt::Display) -> Cause {
    let hint = "Tell the publisher of the feed, or wait for the next sync: a record as published cannot be understood.";
    Cause::new(CauseCode::Parse, problem.to_string(), hint)
}

/// Where the records of a document go, batch by batch.
pub(crate) struct RecordSink {
    batches: mpsc::Sender<Vec<Record>>,
    batch: Vec<Record>,
    records_max: u64,
    read: Reading,
    stopped: Option<Cause>,
}

/// What reading a document came to, besides the records.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) records: u64,
    pub(crate) skips: Skips,
    /// The latest change that any record tells, withdrawn ones included.
    pub(crate) newest: Option<Timestamp>,
}

/// Reading has to stop; the sink knows why.
#[derive(Debug)]
pub(crate) struct Stopped;

impl RecordSink {
    pub(crate) fn new(batches: mpsc::Sender<Vec<Record>>, records_max: u64) -> Self {
        Self { batches, batch: Vec::new(), records_max, read: Reading::default(), stopped: None }
    }

    /// Takes a record. Whether its ID is new is seen later.
    pub(crate) fn take(&mut self, record: Record) -> Result<(), Stopped> {
        if record.id.is_empty() || record.id.len() > ID_BYTES_MAX || record.id.contains('\0') {
            let problem = format!("its ID is empty, has U+0000 or more than {ID_BYTES_MAX} bytes");
            self.skip(&record.id, not_understood(problem));
            return Ok(());
        }
        self.read.newest = self.read.newest.max(record.modified);
        self.read.records += 1;
        if self.read.records > self.records_max {
            let summary = format!("the group has more than {} records", self.records_max);
            let hint = "If that is so, raise services.policy_engine.records_max; else check the address of the feed.";
            return self.stop(Cause::new(CauseCode::TooLarge, summary, hint));
        }
        self.batch.push(record);
        if self.batch.len() == BATCH_RECORDS { self.hand_on() } else { Ok(()) }
    }

    /// Leaves a record out.
    pub(crate) fn skip(&mut self, what: &str, cause: Cause) {
        self.read.skips.add(what, cause);
    }

    /// Notes a record that was withdrawn by its publisher, so that the group does not have it.
    pub(crate) fn withdrawn(&mut self, modified: Option<Timestamp>) {
        self.read.newest = self.read.newest.max(modified);
    }

    /// Why reading had to stop. `None` when that was not the sink's doing.
    pub(crate) fn stopped(&mut self) -> Option<Cause> {
        self.stopped.take()
    }

    /// Hands the last batch on.
    pub(crate) fn finish(mut self) -> Result<Reading, Cause> {
        match self.hand_on() {
            Ok(()) => Ok(self.read),
            Err(Stopped) => Err(self.stopped.unwrap_or_else(nobody_listens)),
        }
    }

    fn hand_on(&mut self) -> Result<(), Stopped> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        match self.batches.blocking_send(batch) {
            Ok(()) => Ok(()),
            Err(_) => self.stop(nobody_listens()),
        }
    }

    fn stop(&mut self, cause: Cause) -> Result<(), Stopped> {
        self.stopped = Some(cause);
        Err(Stopped)
    }
}

/// Whoever took the records has given up, and says why.
fn nobody_listens() -> Cause {
    Cause::new(CauseCode::Interrupted, "the records are not wanted any more", "See what else failed at this time.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_record_is_that_of_its_content() {
        let digest = |text: &str| digest_of_json(text.as_bytes()).unwrap();
        let one = digest(r#"{"id": "A", "n": [1, 2], "o": {"x": 1, "y": null}}"#);
        assert_eq!(one, digest(r#"{"o":{"y":null,"x":1},"n":[1,2],"id":"A"}"#));
        assert_ne!(one, digest(r#"{"o":{"y":null,"x":1},"n":[2,1],"id":"A"}"#));
        assert!(digest_of_json(b"{").is_err());
    }

    #[test]
    fn records_come_in_batches_and_are_bounded() {
        let (sender, mut batches) = mpsc::channel(8);
        let mut sink = RecordSink::new(sender, 2500);
        let record = |id: String| Record { id, digest: [0; 32], modified: None };
        for number in 0..2500 {
            sink.take(record(number.to_string())).unwrap();
        }
        sink.take(record(String::new())).unwrap();
        assert!(sink.take(record("more".to_owned())).is_err());
        let cause = sink.stopped().unwrap();
        assert_eq!(cause.code(), CauseCode::TooLarge);
        assert!(cause.hint().contains("services.policy_engine.records_max"));
        let lengths: Vec<usize> = std::iter::from_fn(|| batches.try_recv().ok()).map(|batch| batch.len()).collect();
        assert_eq!(lengths, [1000, 1000]);
    }

    #[test]
    fn the_first_skips_are_named() {
        let mut skips = Skips::default();
        for number in 0..5 {
            skips.add(&format!("CVE-{number}"), not_understood("no `id`"));
        }
        assert_eq!((skips.count, skips.named.len(), skips.named[0].as_str()), (5, 3, "CVE-0: no `id`"));
    }
}

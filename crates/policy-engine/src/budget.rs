//! What the reading of a document may cost: in all, in one record, and against the size of the download.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use cause::{Cause, CauseCode};

/// Largest document, unpacked.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 8 << 30;
/// Largest record, unpacked. The longest of OSV have some megabytes.
pub(crate) const RECORD_BYTES_MAX: u64 = 16 << 20;
/// Most bytes that one byte of a download may unpack to. Feeds unpack to 10 to 30 times their size.
pub(crate) const RATIO_MAX: u64 = 200;
/// What unpacks to less than this is no bomb, whatever its ratio.
const RATIO_FREE_BYTES: u64 = 4 << 20;
/// What a reader takes in advance.
pub(crate) const READ_AHEAD_BYTES: usize = 64 * 1024;

/// Counts the bytes of a document that is being read.
#[derive(Debug)]
pub(crate) struct Budget {
    download_bytes: u64,
    unpacked: Cell<u64>,
    in_record: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(download_bytes: u64) -> Rc<Self> {
        Rc::new(Self { download_bytes, unpacked: Cell::new(0), in_record: Cell::new(0) })
    }

    /// # Errors
    /// Any of the bounds.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), Cause> {
        self.unpacked.set(self.unpacked.get() + bytes);
        self.in_record.set(self.in_record.get() + bytes);
        let unpacked = self.unpacked.get();
        if unpacked > RATIO_FREE_BYTES && unpacked / RATIO_MAX > self.download_bytes {
            return Err(self.bomb());
        }
        if unpacked > DOCUMENT_BYTES_MAX {
            return Err(too_large("the unpacked document", DOCUMENT_BYTES_MAX));
        }
        if self.in_record.get() > RECORD_BYTES_MAX + READ_AHEAD_BYTES as u64 {
            return Err(record_too_large());
        }
        Ok(())
    }

    /// What comes belongs to another record.
    pub(crate) fn record_ended(&self) {
        self.in_record.set(0);
    }

    fn bomb(&self) -> Cause {
        let summary = format!("the download unpacks to more than {RATIO_MAX} times its size");
        let hint = "No feed is packed that tightly: the server, or somebody between, serves something else. Check the \
                    address of the feed.";
        Cause::new(CauseCode::TooLarge, summary, hint)
            .with_evidence("downloaded_bytes", self.download_bytes)
            .with_evidence("unpacked_bytes", self.unpacked.get())
    }
}

pub(crate) fn record_too_large() -> Cause {
    too_large("a record", RECORD_BYTES_MAX)
}

fn too_large(what: &str, bytes_max: u64) -> Cause {
    let summary = format!("{what} has more than {bytes_max} bytes, which is the most that is read here");
    let hint = "Check that the address of the feed is the right one; no feed of this kind has anything that large.";
    Cause::new(CauseCode::TooLarge, summary, hint).with_evidence("bytes_max", bytes_max)
}

/// A reader whose bytes are counted; a bound that is reached is its error.
pub(crate) struct Budgeted<R> {
    reader: R,
    budget: Rc<Budget>,
}

impl<R> Budgeted<R> {
    pub(crate) fn new(reader: R, budget: Rc<Budget>) -> Self {
        Self { reader, budget }
    }
}

impl<R: Read> Read for Budgeted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.budget.take(read as u64).map_err(io::Error::other)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(download_bytes: u64, takes: &[u64], expected: Option<&str>) {
        let budget = Budget::new(download_bytes);
        let failed = takes.iter().find_map(|bytes| {
            let result = budget.take(*bytes);
            budget.record_ended();
            result.err()
        });
        let summary = failed.map(|cause| cause.summary());
        assert_eq!(summary.is_some(), expected.is_some(), "{summary:?}");
        assert!(summary.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn each_bound_has_its_words() {
        const MIB: u64 = 1 << 20;
        check(100, &[MIB, MIB], None);
        check(100, &[3 * MIB, 3 * MIB], Some("more than 200 times"));
        check(MIB, &[16 * MIB, 16 * MIB], None);
        check(MIB, &[17 * MIB], Some("a record has more than 16777216 bytes"));
        check(1 << 30, &[16 * MIB; 513], Some("the unpacked document"));
    }
}

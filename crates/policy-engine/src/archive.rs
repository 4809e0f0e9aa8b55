//! A zip archive, entry by entry (PKWARE's APPNOTE.TXT, 4.3 and 4.5).
//!
//! The usual readers hold the whole directory in memory, which grows with the archive; those that do without it fail on
//! archives that were written as a stream. This one reads the directory like the entries, piece by piece. Of the format
//! it knows what archives of feeds use: stored and deflated entries, and the 64-bit extension.

use std::io::{BufReader, Read};

use cause::{Cause, CauseCode};
use crc32fast::Hasher;
use flate2::bufread::DeflateDecoder;

use crate::budget::{Budget, READ_AHEAD_BYTES};
use crate::document::{cause_of_io, damaged};
use crate::spool::{Spool, SpoolReader};

const END_SIGNATURE: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
/// A comment can stand behind the end record.
const COMMENT_BYTES_MAX: u64 = 65_535;
const LOCATOR_64_SIGNATURE: u32 = 0x0706_4b50;
const LOCATOR_64_BYTES: u64 = 20;
const END_64_SIGNATURE: u32 = 0x0606_4b50;
const END_64_BYTES: usize = 56;
const ENTRY_SIGNATURE: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;
const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
const LOCAL_BYTES: usize = 30;
/// The extra field that has the 64-bit sizes.
const EXTRA_64: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const IS_ENCRYPTED: u16 = 1;

/// The directory of an archive, read from its beginning to its end.
pub(crate) struct Archive<'a> {
    spool: &'a Spool,
    directory: BufReader<SpoolReader>,
    entries_left: u64,
}

/// An entry of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Unpacked, as announced.
    pub(crate) bytes: u64,
    packed_bytes: u64,
    crc32: u32,
    method: u16,
    flags: u16,
    local_offset: u64,
}

impl<'a> Archive<'a> {
    /// Finds the directory.
    ///
    /// # Errors
    /// No archive, or one that was cut off.
    pub(crate) fn open(spool: &'a Spool) -> Result<Self, Cause> {
        let tail_at = spool.bytes.saturating_sub(END_BYTES as u64 + COMMENT_BYTES_MAX);
        let mut tail = Vec::new();
        spool.reader(tail_at, u64::MAX).read_to_end(&mut tail).map_err(cause_of_io)?;
        let is_end = |at: &usize| u32_at(&tail, *at) == Some(END_SIGNATURE) && tail.len() - at >= END_BYTES;
        let Some(end) = (0..tail.len()).rev().find(is_end) else { return Err(no_archive(spool)) };
        let field = |at: usize| u16_at(&tail, end + at).unwrap_or_default();
        let wide_field = |at: usize| u32_at(&tail, end + at).unwrap_or_default();
        let (mut entries, mut offset) = (u64::from(field(10)), u64::from(wide_field(16)));
        if field(10) == u16::MAX || wide_field(12) == u32::MAX || wide_field(16) == u32::MAX {
            (entries, offset) = end_64(spool, tail_at + end as u64)?;
        }
        let directory = BufReader::with_capacity(READ_AHEAD_BYTES, spool.reader(offset, u64::MAX));
        Ok(Self { spool, directory, entries_left: entries })
    }

    /// The next entry; `None` after the last one.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>, Cause> {
        if self.entries_left == 0 {
            return Ok(None);
        }
        self.entries_left -= 1;
        let head: [u8; ENTRY_BYTES] = self.take()?;
        if u32_at(&head, 0) != Some(ENTRY_SIGNATURE) {
            return Err(damaged("the directory of the archive has something else where an entry should be"));
        }
        let short = |at: usize| u16_at(&head, at).unwrap_or_default();
        let wide = |at: usize| u32_at(&head, at).unwrap_or_default();
        let name = self.take_bytes(short(28))?;
        let extra = self.take_bytes(short(30))?;
        self.take_bytes(short(32))?;
        let mut entry = Entry {
            name: String::from_utf8_lossy(&name).into_owned(),
            bytes: wide(24).into(),
            packed_bytes: wide(20).into(),
            crc32: wide(16),
            method: short(10),
            flags: short(8),
            local_offset: wide(42).into(),
        };
        entry.widen(&extra);
        Ok(Some(entry))
    }

    /// The content of an entry, which must be of a size that fits into memory.
    ///
    /// # Errors
    /// It is packed in a way that is not known here, or is not what the directory announces.
    pub(crate) fn content(&self, entry: &Entry, budget: &Budget) -> Result<Vec<u8>, Cause> {
        if entry.flags & IS_ENCRYPTED != 0 || !matches!(entry.method, STORED | DEFLATED) {
            let summary =
                format!("`{}` in the archive is encrypted, or packed by a method that is not known", entry.name);
            let hint = "Feeds have stored and deflated entries only: check the address of the feed.";
            return Err(Cause::new(CauseCode::Unsupported, summary, hint).with_evidence("method", entry.method));
        }
        let mut head = [0; LOCAL_BYTES];
        let mut local = self.spool.reader(entry.local_offset, u64::MAX);
        local.read_exact(&mut head).map_err(cause_of_io)?;
        if u32_at(&head, 0) != Some(LOCAL_SIGNATURE) {
            return Err(damaged(&format!("the archive has something else where `{}` should be", entry.name)));
        }
        let names_bytes = |at| u64::from(u16_at(&head, at).unwrap_or_default());
        let begin = local.position() + names_bytes(26) + names_bytes(28);
        let packed = self.spool.reader(begin, begin.saturating_add(entry.packed_bytes));
        // One byte more than announced shows that there is more.
        let bytes_max = entry.bytes.saturating_add(1);
        let mut content = Vec::new();
        let read = match entry.method {
            STORED => { packed }.take(bytes_max).read_to_end(&mut content),
            _ => DeflateDecoder::new(BufReader::new(packed)).take(bytes_max).read_to_end(&mut content),
        };
        read.map_err(cause_of_io)?;
        budget.take(content.len() as u64)?;
        let mut hasher = Hasher::new();
        hasher.update(&content);
        if content.len() as u64 != entry.bytes || hasher.finalize() != entry.crc32 {
            return Err(damaged(&format!("`{}` is not what the archive announces (size or CRC-32)", entry.name)));
        }
        Ok(content)
    }

    fn take<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], Cause> {
        let mut bytes = [0; BYTES];
        self.directory.read_exact(&mut bytes).map_err(cause_of_io)?;
        Ok(bytes)
    }

    fn take_bytes(&mut self, count: u16) -> Result<Vec<u8>, Cause> {
        let mut bytes = vec![0; count.into()];
        self.directory.read_exact(&mut bytes).map_err(cause_of_io)?;
        Ok(bytes)
    }
}

impl Entry {
    /// Takes the sizes that do not fit into 32 bits from the extra field (APPNOTE 4.5.3): those, and in this order.
    fn widen(&mut self, extra: &[u8]) {
        let mut rest = extra;
        while let (Some(id), Some(length)) = (u16_at(rest, 0), u16_at(rest, 2)) {
            let end = (4 + usize::from(length)).min(rest.len());
            if id == EXTRA_64 {
                let mut fields = rest[4..end].chunks_exact(8).map(|bytes| u64_at(bytes, 0).unwrap_or_default());
                for field in [&mut self.bytes, &mut self.packed_bytes, &mut self.local_offset] {
                    if *field == u64::from(u32::MAX) {
                        *field = fields.next().unwrap_or(*field);
                    }
                }
                return;
            }
            rest = &rest[end..];
        }
    }
}

/// The number of entries and the place of the directory, from the record of the 64-bit extension.
fn end_64(spool: &Spool, end_at: u64) -> Result<(u64, u64), Cause> {
    let missing = || damaged("the archive has no 64-bit end record, which it refers to");
    let locator_at = end_at.checked_sub(LOCATOR_64_BYTES).ok_or_else(missing)?;
    let mut locator = Vec::new();
    spool.reader(locator_at, end_at).read_to_end(&mut locator).map_err(cause_of_io)?;
    let record_at = u64_at(&locator, 8).filter(|_| u32_at(&locator, 0) == Some(LOCATOR_64_SIGNATURE));
    let mut record = [0; END_64_BYTES];
    spool.reader(record_at.ok_or_else(missing)?, u64::MAX).read_exact(&mut record).map_err(cause_of_io)?;
    match (u32_at(&record, 0), u64_at(&record, 32), u64_at(&record, 48)) {
        (Some(END_64_SIGNATURE), Some(entries), Some(offset)) => Ok((entries, offset)),
        _ => Err(missing()),
    }
}

fn no_archive(spool: &Spool) -> Cause {
    let mut head = Vec::new();
    // Without them it is no archive either.
    let _ = spool.reader(0, 4).read_to_end(&mut head);
    if u32_at(&head, 0) == Some(LOCAL_SIGNATURE) {
        return damaged("the archive has no end: it was cut off");
    }
    let hint =
        "Check `kind`, `url` and `groups` of the feed in services.policy_engine.feeds: a zip archive was expected.";
    Cause::new(CauseCode::Parse, "the download is no zip archive", hint)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;

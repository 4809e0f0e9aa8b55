//! The log beside a database: pages that were committed and not yet carried over (SQLite, WAL-mode file format).

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::SqliteError;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The last bit says in which byte order the checksums are made.
const MAGIC: u32 = 0x377f_0682;

/// Where in `log` the newest committed form of each page lies. A log of another database, or one that was carried over
/// already, has none.
pub fn committed_pages<R: Read + Seek>(log: &mut R, page_bytes: u64) -> Result<HashMap<u32, u64>, SqliteError> {
    let mut committed = HashMap::new();
    let mut header = [0; HEADER_BYTES];
    if !fill(log, &mut header)? {
        return Ok(committed);
    }
    let magic = number(&header, 0);
    if magic & !1 != MAGIC || u64::from(number(&header, 8)) != page_bytes {
        return Ok(committed);
    }
    let mut checksum = Checksum { is_big_endian: magic & 1 == 1, sums: (0, 0) };
    checksum.add(&header[..24]);
    if checksum.sums != (number(&header, 24), number(&header, 28)) {
        return Ok(committed);
    }
    let mut transaction = Vec::new();
    let mut frame = [0; FRAME_HEADER_BYTES];
    let mut page = vec![0; usize::try_from(page_bytes).expect("at most 65536")];
    let mut at = HEADER_BYTES as u64;
    log.seek(SeekFrom::Start(at))?;
    // The first frame that does not belong to the others ends the log: it is left over from an earlier one.
    while fill(log, &mut frame)? && fill(log, &mut page)? && frame[8..16] == header[16..24] {
        checksum.add(&frame[..8]);
        checksum.add(&page);
        if checksum.sums != (number(&frame, 16), number(&frame, 20)) {
            break;
        }
        transaction.push((number(&frame, 0), at + FRAME_HEADER_BYTES as u64));
        // The last frame of a transaction says how large the database is.
        if number(&frame, 4) != 0 {
            committed.extend(transaction.drain(..));
        }
        at += FRAME_HEADER_BYTES as u64 + page_bytes;
    }
    Ok(committed)
}

struct Checksum {
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let read = if self.is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        for pair in bytes.chunks_exact(8) {
            let (first, second) = pair.split_at(4);
            let word = |bytes: &[u8]| read(bytes.try_into().expect("four bytes"));
            self.sums.0 = self.sums.0.wrapping_add(word(first)).wrapping_add(self.sums.1);
            self.sums.1 = self.sums.1.wrapping_add(word(second)).wrapping_add(self.sums.0);
        }
    }
}

/// Whether the log had enough.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> Result<bool, SqliteError> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

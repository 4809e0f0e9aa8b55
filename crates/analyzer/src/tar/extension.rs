//! Entries that say more about the entry behind them.

use super::{PATH_BYTES_MAX, TarError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Records for the next entry (POSIX 1003.1-2001).
    Pax,
    /// Records for the rest of the archive.
    GlobalPax,
    /// The path of the next entry (GNU).
    LongPath,
    /// The link of the next entry (GNU).
    LongLink,
}

/// What pax records say of an entry, as far as it matters here.
#[derive(Default)]
pub struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub is_sparse: bool,
}

impl Pax {
    /// Reads records, `<length> <key>=<value>\n` each, of the header at byte `at`.
    pub fn read(&mut self, mut records: &[u8], at: u64) -> Result<(), TarError> {
        // What fills the last block may have been counted in.
        while records.first().is_some_and(|&byte| byte != 0) {
            let (record, rest) = split_record(records).ok_or(TarError::Field { at, field: "pax record" })?;
            records = rest;
            let Some(at_equals) = record.iter().position(|&byte| byte == b'=') else {
                return Err(TarError::Field { at, field: "pax record" });
            };
            let (key, value) = (&record[..at_equals], &record[at_equals + 1..]);
            match key {
                b"path" | b"GNU.sparse.name" => self.path = name(value, at)?,
                b"linkpath" => self.link = name(value, at)?,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    let size = size.filter(|&size| i64::try_from(size).is_ok());
                    self.size = Some(size.ok_or(TarError::Field { at, field: "pax size" })?);
                }
                _ => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
            self.is_sparse |= key == b"GNU.sparse.name";
        }
        Ok(())
    }
}

/// The first record without its length and its line end, and what follows.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = records.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..blank]).ok()?.parse().ok()?;
    let record = records.get(blank + 1..length)?.strip_suffix(b"\n")?;
    Some((record, &records[length..]))
}

fn name(value: &[u8], at: u64) -> Result<Option<Vec<u8>>, TarError> {
    if value.len() > PATH_BYTES_MAX {
        return Err(TarError::PathTooLong { at, bytes: value.len() as u64 });
    }
    if value.contains(&0) {
        return Err(TarError::Field { at, field: "pax path" });
    }
    Ok(Some(value.to_vec()).filter(|value| !value.is_empty()))
}

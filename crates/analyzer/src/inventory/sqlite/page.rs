//! Pages: where they lie, and what a page of a B-tree of a table holds.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use super::record::varint;
use super::{ROW_BYTES_MAX, SqliteError, write_ahead_log};

const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// The pages of a file, the newer ones of its log in their place.
pub struct Pages<R> {
    file: R,
    log: Option<R>,
    /// Where the log has a page.
    in_log: HashMap<u32, u64>,
    page_bytes: u64,
    usable_bytes: u64,
    count: u32,
}

/// A row in a leaf: how long it is, and where its beginning lies in the page.
pub struct Cell {
    payload_bytes: u64,
    /// How much of it is in the page.
    local: std::ops::Range<usize>,
    /// The page where it goes on.
    overflow: Option<u32>,
}

/// A page of a B-tree.
pub struct TreePage<'a> {
    page: &'a [u8],
    pub is_leaf: bool,
    cells: &'a [u8],
    rightmost: Option<u32>,
}

impl<R: Read + Seek> Pages<R> {
    pub fn open(mut file: R, log: Option<R>) -> Result<Self, SqliteError> {
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).map_err(|_| SqliteError::NoDatabase)?;
        if !header.starts_with(MAGIC) {
            return Err(SqliteError::NoDatabase);
        }
        let page_bytes = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
            1 => 65_536,
            bytes if bytes.is_power_of_two() && bytes >= 512 => bytes,
            _ => return Err(SqliteError::Damaged("its page size is none")),
        };
        let usable_bytes = page_bytes - u64::from(header[20]);
        if usable_bytes < 480 {
            return Err(SqliteError::Damaged("its pages have no room"));
        }
        let bytes = file.seek(SeekFrom::End(0))?;
        let (log, in_log) = match log {
            None => (None, HashMap::new()),
            Some(mut log) => {
                let in_log = write_ahead_log::committed_pages(&mut log, page_bytes)?;
                (Some(log), in_log)
            }
        };
        let last_in_log = in_log.keys().copied().max().unwrap_or(0);
        let count = u32::try_from(bytes / page_bytes).unwrap_or(u32::MAX).max(last_in_log);
        Ok(Self { file, log, in_log, page_bytes, usable_bytes, count })
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn usable_bytes(&self) -> u64 {
        self.usable_bytes
    }

    pub fn read(&mut self, number: u32) -> Result<Vec<u8>, SqliteError> {
        if number == 0 || number > self.count {
            return Err(SqliteError::Damaged("it names a page that is not there"));
        }
        let (source, at) = match (self.in_log.get(&number), &mut self.log) {
            (Some(at), Some(log)) => (log, *at),
            _ => (&mut self.file, u64::from(number - 1) * self.page_bytes),
        };
        let mut page = vec![0; usize::try_from(self.page_bytes).expect("at most 65536")];
        source.seek(SeekFrom::Start(at))?;
        source.read_exact(&mut page).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => SqliteError::Damaged("its last page is cut off"),
            _ => SqliteError::Source(error),
        })?;
        Ok(page)
    }

    /// A whole row, wherever its parts lie.
    pub fn payload(&mut self, page: &[u8], cell: &Cell) -> Result<Vec<u8>, SqliteError> {
        let mut payload = page[cell.local.clone()].to_vec();
        let mut next = cell.overflow;
        while let Some(number) = next {
            let left = usize::try_from(cell.payload_bytes).expect("it is bounded") - payload.len();
            let page = self.read(number)?;
            let content = &page[4..usize::try_from(self.usable_bytes).expect("at most 65536")];
            payload.extend(&content[..content.len().min(left)]);
            next = Some(u32::from_be_bytes([page[0], page[1], page[2], page[3]]));
            next = next.filter(|_| left > content.len());
        }
        Ok(payload)
    }
}

impl<'a> TreePage<'a> {
    pub fn parse(page: &'a [u8], number: u32) -> Result<Self, SqliteError> {
        // The first page begins with the header of the file.
        let header = if number == 1 { HEADER_BYTES } else { 0 };
        let (is_leaf, header_bytes) = match page[header] {
            LEAF => (true, 8),
            INTERIOR => (false, 12),
            _ => return Err(SqliteError::Damaged("a page is no part of a table")),
        };
        let count = usize::from(u16::from_be_bytes([page[header + 3], page[header + 4]]));
        let first = header + header_bytes;
        let cells = page.get(first..first + 2 * count).ok_or(SqliteError::Damaged("a page has too many cells"))?;
        let rightmost = (!is_leaf).then(|| number_at(page, header + 8)).flatten();
        Ok(Self { page, is_leaf, cells, rightmost })
    }

    /// The pages below, in order.
    pub fn children(&self) -> Result<Vec<u32>, SqliteError> {
        let children = self.positions().map(|at| number_at(self.page, at)).chain([self.rightmost]);
        children.collect::<Option<_>>().ok_or(SqliteError::Damaged("a page is cut off"))
    }

    /// The rows, in order.
    pub fn leaf_cells(&self, usable_bytes: u64) -> Result<Vec<Cell>, SqliteError> {
        self.positions().map(|at| self.leaf_cell(at, usable_bytes)).collect()
    }

    fn leaf_cell(&self, at: usize, usable_bytes: u64) -> Result<Cell, SqliteError> {
        let damaged = || SqliteError::Damaged("a row is cut off");
        let cell = self.page.get(at..).ok_or_else(damaged)?;
        let (payload_bytes, first) = varint(cell).ok_or_else(damaged)?;
        let (_, second) = varint(&cell[first..]).ok_or_else(damaged)?;
        if payload_bytes > ROW_BYTES_MAX {
            return Err(SqliteError::RowTooLarge(payload_bytes));
        }
        let local_bytes = usize::try_from(local_bytes(payload_bytes, usable_bytes)).map_err(|_| damaged())?;
        let begin = at + first + second;
        let local = begin..begin + local_bytes;
        if local.end > self.page.len() {
            return Err(damaged());
        }
        let overflow = if (local_bytes as u64) < payload_bytes {
            Some(number_at(self.page, local.end).ok_or_else(damaged)?)
        } else {
            None
        };
        Ok(Cell { payload_bytes, local, overflow })
    }

    fn positions(&self) -> impl Iterator<Item = usize> {
        self.cells.chunks_exact(2).map(|cell| usize::from(u16::from_be_bytes([cell[0], cell[1]])))
    }
}

/// How much of a row lies in its leaf (database file format, section 1.6).
fn local_bytes(payload: u64, usable: u64) -> u64 {
    let (local_max, local_min) = (usable - 35, (usable - 12) * 32 / 255 - 23);
    if payload <= local_max {
        return payload;
    }
    let fitting = local_min + (payload - local_min) % (usable - 4);
    if fitting <= local_max { fitting } else { local_min }
}

fn number_at(page: &[u8], at: usize) -> Option<u32> {
    page.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

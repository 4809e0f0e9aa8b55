//! Reading the rows of a table from an SQLite file, without SQL: the file is a stranger's, and its schema would run code
//! of theirs in our process (views, generated columns). Only what a table needs is here (SQLite, database file format).

mod page;
mod record;
mod write_ahead_log;

use std::io::{Read, Seek};

use self::page::Pages;
pub use self::record::Value;

/// Largest row that is read, in bytes.
const ROW_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a file cannot be read, as a fragment.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    #[error("no SQLite database")]
    NoDatabase,
    #[error("damaged SQLite database: {0}")]
    Damaged(&'static str),
    #[error("SQLite database without a table `{0}`")]
    NoTable(&'static str),
    #[error("a row of {0} bytes, expected at most {ROW_BYTES_MAX}")]
    RowTooLarge(u64),
    #[error("the file cannot be read back: {0}")]
    Source(#[from] std::io::Error),
}

pub struct Database<R> {
    pages: Pages<R>,
}

impl<R: Read + Seek> Database<R> {
    /// `log` is the write-ahead log beside the file: what was committed and not yet carried over.
    pub fn open(file: R, log: Option<R>) -> Result<Self, SqliteError> {
        Ok(Self { pages: Pages::open(file, log)? })
    }

    /// Hands the rows of `table` to `take`, until that has had enough.
    pub fn scan(&mut self, table: &'static str, take: impl FnMut(Vec<Value>) -> bool) -> Result<(), SqliteError> {
        // The schema is a table of its own, at the first page: type, name, table, first page, SQL.
        let mut root = None;
        self.rows(1, |row| {
            let is_it = row.first().is_some_and(|kind| kind.is_text("table"))
                && row.get(1).is_some_and(|name| name.is_text(table));
            if is_it {
                root = row.get(3).and_then(Value::as_page);
            }
            root.is_none()
        })?;
        self.rows(root.ok_or(SqliteError::NoTable(table))?, take)
    }

    /// Walks the B-tree at page `root`. A page is met once in a sound file, so a walk of more pages goes in circles.
    fn rows(&mut self, root: u32, mut take: impl FnMut(Vec<Value>) -> bool) -> Result<(), SqliteError> {
        let mut open = vec![root];
        let mut pages_left = self.pages.count();
        while let Some(number) = open.pop() {
            pages_left = pages_left.checked_sub(1).ok_or(SqliteError::Damaged("its pages go in circles"))?;
            let page = self.pages.read(number)?;
            let tree_page = page::TreePage::parse(&page, number)?;
            if tree_page.is_leaf {
                for cell in tree_page.leaf_cells(self.pages.usable_bytes())? {
                    let row = self.pages.payload(&page, &cell)?;
                    if !take(record::parse(&row)?) {
                        return Ok(());
                    }
                }
            } else {
                // In reverse, so that the first one is looked at first.
                open.extend(tree_page.children()?.into_iter().rev());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

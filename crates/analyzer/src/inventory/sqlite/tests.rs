//! Against files that SQLite itself has written, and against damaged ones.

use std::io::Cursor;
use std::path::Path;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use super::*;

async fn connect(file: &Path, journal: SqliteJournalMode) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).journal_mode(journal);
    options.page_size(512).connect().await.unwrap()
}

async fn fill(connection: &mut SqliteConnection, rows: std::ops::Range<usize>) {
    connection.execute("CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY, blob BLOB)").await.unwrap();
    for row in rows {
        let insert = format!("INSERT INTO Packages (blob) VALUES (zeroblob({}))", row * 37);
        connection.execute(AssertSqlSafe(insert)).await.unwrap();
    }
}

/// The lengths of the blobs.
fn lengths(file: &[u8], log: Option<&[u8]>) -> Result<Vec<usize>, SqliteError> {
    let mut lengths = Vec::new();
    let mut database = Database::open(Cursor::new(file), log.map(Cursor::new))?;
    database.scan("Packages", |row| {
        lengths.push(if let Value::Blob(blob) = &row[1] { blob.len() } else { usize::MAX });
        true
    })?;
    Ok(lengths)
}

async fn written(rows: usize) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("db");
    let mut connection = connect(&file, SqliteJournalMode::Delete).await;
    fill(&mut connection, 0..rows).await;
    connection.close().await.unwrap();
    std::fs::read(file).unwrap()
}

#[tokio::test]
async fn every_row_is_read_in_its_order() {
    // Rows in one page, rows over several, a tree of several levels.
    for rows in [0, 1, 50, 400] {
        let expected: Vec<usize> = (0..rows).map(|row| row * 37).collect();
        assert_eq!(lengths(&written(rows).await, None).unwrap(), expected);
    }
}

#[tokio::test]
async fn what_is_committed_in_the_log_counts() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("db");
    let mut connection = connect(&file, SqliteJournalMode::Wal).await;
    fill(&mut connection, 0..100).await;
    // While it is open, nothing was carried over.
    let log = std::fs::read(directory.path().join("db-wal")).unwrap();
    let content = std::fs::read(&file).unwrap();
    let expected: Vec<usize> = (0..100).map(|row| row * 37).collect();
    assert_eq!(lengths(&content, Some(&log)).unwrap(), expected);
    // A log that is cut off in the middle of a transaction ends with the one before.
    assert_eq!(lengths(&content, Some(&log[..log.len() - 100])).unwrap(), expected[..99]);
    connection.close().await.unwrap();
    assert_eq!(lengths(&std::fs::read(&file).unwrap(), None).unwrap(), expected);
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_never_read_for_ever() {
    let whole = written(120).await;
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        // Whatever comes of it, it ends.
        let _ = lengths(&damaged, None);
    }
    for end in (0..whole.len()).step_by(511) {
        assert!(lengths(&whole[..end], None).is_err(), "{end}");
    }
    assert!(matches!(lengths(b"no database", None), Err(SqliteError::NoDatabase)));
    // A tree whose first page is its own child.
    let mut circle = whole;
    circle[100] = 0x05;
    circle[103..105].fill(0);
    circle[108..112].copy_from_slice(&1_u32.to_be_bytes());
    let error = lengths(&circle, None).unwrap_err();
    assert_eq!(error.to_string(), "damaged SQLite database: its pages go in circles");
}

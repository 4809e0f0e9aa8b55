//! Archives that Python's `zipfile` made, and what can be wrong with one.

use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::spool::SpoolWriter;

/// Runs `code` with the names `zipfile`, `path` and `write(archive)`, which adds two entries.
fn archive(code: &str) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a.zip");
    let prelude = "
import sys, zipfile
path = sys.argv[1]
def write(archive):
    archive.writestr('A-1.json', '{\"id\": \"A-1\"}')
    archive.writestr('B-2.json', '{\"id\": \"B-2\", \"text\": \"' + 'x' * 1000 + '\"}')
class Stream:
    def __init__(self, file): self.file = file
    def write(self, data): return self.file.write(data)
    def flush(self): self.file.flush()
";
    let run = Command::new("python3").arg("-c").arg(format!("{prelude}\n{code}")).arg(&path).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read(path).unwrap()
}

async fn spool(bytes: &[u8]) -> Spool {
    let directory = TempDir::new().unwrap();
    let mut writer = SpoolWriter::new(directory.path()).unwrap();
    writer.write(bytes).await.unwrap();
    writer.finish().await.unwrap()
}

/// Every name with the length of its content.
fn read(spool: &Spool) -> Result<Vec<(String, usize)>, Cause> {
    let budget = Budget::new(spool.bytes);
    let mut archive = Archive::open(spool)?;
    let mut read = Vec::new();
    while let Some(entry) = archive.next_entry()? {
        let content = archive.content(&entry, &budget)?;
        read.push((entry.name, content.len()));
    }
    Ok(read)
}

async fn check(bytes: &[u8], expected: &str) {
    let cause = read(&spool(bytes).await).unwrap_err();
    let details = format!("{cause:?}");
    assert!(format!("{cause} {details}").contains(expected), "{expected}: {details}");
}

const PLAIN: &str = "
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive: write(archive)";

#[tokio::test]
async fn archives_of_every_kind_are_read() {
    let stored = "
with zipfile.ZipFile(path, 'w') as archive: write(archive)";
    // Without seeking, sizes and CRCs stand behind the entries, as in an archive that was written as a stream.
    let streamed = "
with open(path, 'wb') as file, zipfile.ZipFile(Stream(file), 'w', zipfile.ZIP_DEFLATED) as archive: write(archive)";
    let commented = "
with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    write(archive)
    archive.comment = b'a comment ' * 100";
    for code in [PLAIN, stored, streamed, commented] {
        let read = read(&spool(&archive(code)).await).unwrap();
        assert_eq!(read, [("A-1.json".to_owned(), 13), ("B-2.json".to_owned(), 1025)], "{code}");
    }
}

#[tokio::test]
async fn more_entries_than_16_bits_can_count_are_read() {
    let many = "
with zipfile.ZipFile(path, 'w') as archive:
    for number in range(70000): archive.writestr(f'{number}.json', '{}')";
    let read = read(&spool(&archive(many)).await).unwrap();
    assert_eq!((read.len(), &read[69_999]), (70_000, &("69999.json".to_owned(), 2)));
}

#[tokio::test]
async fn damage_is_found() {
    let whole = archive(PLAIN);
    check(b"", "parse: the download is no zip archive").await;
    check(b"<html>", "parse: the download is no zip archive").await;
    check(&whole[..whole.len() - 30], "the archive has no end: it was cut off").await;
    let at = |text: &[u8]| whole.windows(text.len()).position(|window| window == text).unwrap();
    let with = |place: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[place] = value;
        bytes
    };
    let first = at(b"A-1.json");
    check(&with(first + 8 + 3, 0xff), "checksum: the download is damaged").await;
    let entry = at(&ENTRY_SIGNATURE.to_le_bytes());
    check(&with(entry + 16, !whole[entry + 16]), "`A-1.json` is not what the archive announces").await;
    check(&with(entry + 24, 99), "`A-1.json` is not what the archive announces").await;
    check(&with(entry + 10, 12), "unsupported: `A-1.json` in the archive is encrypted").await;
    check(&with(entry, 0), "something else where an entry should be").await;
    check(&with(0, 0), "something else where `A-1.json` should be").await;
}

//! A download on this machine's own disk, while it is read.
//!
//! It is whole and verified before anything of it is looked at, and a slow database does not hold up the server it comes
//! from. The file has no name, so it is gone with the process, however that ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cause::{Cause, CauseCode};
use md5::Md5;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// What was downloaded.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    file: Arc<File>,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) md5: [u8; 16],
}

/// A download that is under way.
pub(crate) struct SpoolWriter {
    directory: PathBuf,
    file: tokio::fs::File,
    bytes: u64,
    sha256: Sha256,
    md5: Md5,
}

impl SpoolWriter {
    /// # Errors
    /// The directory cannot be written.
    pub(crate) fn new(directory: &Path) -> Result<Self, Cause> {
        let made = std::fs::create_dir_all(directory).and_then(|()| tempfile::tempfile_in(directory));
        let file = made.map_err(|error| disk(&error, directory))?;
        Ok(Self {
            directory: directory.to_owned(),
            file: tokio::fs::File::from_std(file),
            bytes: 0,
            sha256: Sha256::new(),
            md5: Md5::new(),
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// # Errors
    /// The disk is full.
    pub(crate) async fn write(&mut self, chunk: &[u8]) -> Result<(), Cause> {
        self.file.write_all(chunk).await.map_err(|error| disk(&error, &self.directory))?;
        self.bytes += chunk.len() as u64;
        self.sha256.update(chunk);
        self.md5.update(chunk);
        Ok(())
    }

    /// # Errors
    /// The disk is full: what was written last was still on its way to it.
    pub(crate) async fn finish(mut self) -> Result<Spool, Cause> {
        self.file.flush().await.map_err(|error| disk(&error, &self.directory))?;
        Ok(Spool {
            file: Arc::new(self.file.into_std().await),
            bytes: self.bytes,
            sha256: self.sha256.finalize().into(),
            md5: self.md5.finalize().into(),
        })
    }
}

impl Spool {
    /// Reads from `offset` to `end`, or to the end of the download if that comes first. Readers do not disturb each
    /// other.
    pub(crate) fn reader(&self, offset: u64, end: u64) -> SpoolReader {
        SpoolReader { file: Arc::clone(&self.file), at: offset, end: end.min(self.bytes) }
    }
}

/// A part of a download. Its errors are causes.
pub(crate) struct SpoolReader {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl SpoolReader {
    /// Where the next byte is.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read =
            self.file.read_at(&mut buffer[..wanted], self.at).map_err(|error| io::Error::other(unreadable(&error)))?;
        self.at += read as u64;
        Ok(read)
    }
}

fn disk(error: &io::Error, directory: &Path) -> Cause {
    let directory = directory.display();
    let (summary, hint) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            format!("there is no room for the download in `{directory}`"),
            format!("Make room on the disk of `{directory}`, or move it there with `data_dir`."),
        ),
        _ => (
            format!("the download cannot be written to `{directory}`"),
            format!(
                "Make `{directory}` a directory that the user of this process can write, or set another `data_dir`."
            ),
        ),
    };
    Cause::new(CauseCode::Disk, summary, hint).with_evidence("error", error.to_string())
}

fn unreadable(error: &io::Error) -> Cause {
    let hint = "Check the disk of the data directory: it took the download and does not give it back.";
    Cause::new(CauseCode::Disk, "the download cannot be read back from the disk", hint)
        .with_evidence("error", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_in_parts() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = SpoolWriter::new(&directory.path().join("feeds")).unwrap();
        writer.write(b"hello ").await.unwrap();
        writer.write(b"world").await.unwrap();
        let spool = writer.finish().await.unwrap();
        let read = |offset, end| {
            let mut text = String::new();
            spool.reader(offset, end).read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!((read(0, 5), read(6, 99), read(99, 100)), ("hello".to_owned(), "world".to_owned(), String::new()));
        let files = std::fs::read_dir(directory.path().join("feeds")).unwrap().count();
        assert_eq!((spool.bytes, files), (11, 0), "the file has no name");
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cause = SpoolWriter::new(&file.path().join("feeds")).err().unwrap();
        assert_eq!(cause.code(), CauseCode::Disk);
        assert!(cause.hint().contains(&file.path().display().to_string()), "{cause:?}");
    }
}

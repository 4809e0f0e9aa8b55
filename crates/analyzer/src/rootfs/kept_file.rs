//! A file of a layer that is kept to be looked into.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::SpooledTempFile;

/// Bytes of one file that are kept in memory; what is more lies in a temporary file that has no name and goes with the
/// process, however that ends.
pub const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// The content of a file. Clones show the same one: hard links are several names of one file.
#[derive(Debug, Clone)]
pub struct KeptFile {
    content: Arc<Mutex<SpooledTempFile>>,
    bytes: u64,
    is_whole: bool,
}

impl KeptFile {
    /// Keeps at most `bytes_max` bytes of `source`.
    ///
    /// # Errors
    /// The inner error is that of the disk, the outer one that of the source.
    pub fn take(source: &mut impl Read, bytes_max: u64) -> io::Result<Result<Self, io::Error>> {
        let mut content = SpooledTempFile::new(MEMORY_BYTES_MAX);
        let mut buffer = vec![0; 64 * 1024];
        let mut bytes = 0;
        loop {
            let read = source.read(&mut buffer)?;
            if read == 0 {
                return Ok(Ok(Self { content: Arc::new(Mutex::new(content)), bytes, is_whole: true }));
            }
            let wanted = usize::try_from(bytes_max - bytes).unwrap_or(usize::MAX).min(read);
            if let Err(error) = content.write_all(&buffer[..wanted]) {
                return Ok(Err(error));
            }
            bytes += wanted as u64;
            if wanted < read {
                return Ok(Ok(Self { content: Arc::new(Mutex::new(content)), bytes, is_whole: false }));
            }
        }
    }

    /// How many bytes are kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether all of it is kept.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads from the beginning.
    pub fn reader(&self) -> BufReader<KeptReader> {
        BufReader::with_capacity(32 * 1024, KeptReader { content: Arc::clone(&self.content), position: 0 })
    }

    /// The first bytes, at most `bytes_max`.
    pub fn beginning(&self, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut beginning = Vec::new();
        self.reader().take(bytes_max).read_to_end(&mut beginning)?;
        Ok(beginning)
    }
}

/// A place in a kept file.
pub struct KeptReader {
    content: Arc<Mutex<SpooledTempFile>>,
    position: u64,
}

impl Read for KeptReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.seek(SeekFrom::Start(self.position))?;
        let read = content.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for KeptReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(by) => self.position.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?,
            SeekFrom::End(by) => content.seek(SeekFrom::End(by))?,
        };
        Ok(self.position)
    }
}

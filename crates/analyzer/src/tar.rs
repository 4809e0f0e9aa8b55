//! Reading tar archives as a stream: POSIX (pax), GNU and the forms before them.
//!
//! A reader of our own, because each extension header must have its bound before it is read, and each refusal must say
//! which entry it is about. Nothing is kept of an entry but its head.

mod extension;
mod header;
mod number;

use std::io::{self, Read};

use self::extension::{Extension, Pax};
use self::header::{BLOCK_BYTES, Header};

/// Longest path, and longest target of a link, in bytes: `PATH_MAX` of Linux.
pub const PATH_BYTES_MAX: usize = 4096;
/// Largest extension header, in bytes. File capabilities and labels are short; whole certificates fit, too.
pub const EXTENSION_BYTES_MAX: u64 = 1024 * 1024;

/// The head of an entry. Its content is read from the [`Archive`] before the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it stands in the archive.
    pub path: Vec<u8>,
    pub kind: EntryKind,
    /// Bytes of content in the archive.
    pub size: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    File,
    /// A file with holes, whose content is not that of the archive.
    SparseFile,
    /// Another name for the file that is named.
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    Folder,
    /// A device, a pipe, or what nobody knows.
    Other,
}

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    #[error("the archive ends in the middle of an entry, at byte {0}")]
    Truncated(u64),
    #[error("no tar archive: the header at byte {0} has a wrong checksum")]
    Checksum(u64),
    #[error("the header at byte {at} has a broken {field}")]
    Field { at: u64, field: &'static str },
    #[error("a path or link of {bytes} bytes at byte {at}, expected at most {PATH_BYTES_MAX}")]
    PathTooLong { at: u64, bytes: u64 },
    #[error("an extension header of {bytes} bytes at byte {at}, expected at most {EXTENSION_BYTES_MAX}")]
    ExtensionTooLarge { at: u64, bytes: u64 },
    /// Of what the archive is read from.
    #[error(transparent)]
    Source(#[from] io::Error),
}

/// An archive, read from its beginning.
pub struct Archive<R> {
    source: R,
    /// Bytes read so far.
    position: u64,
    /// Bytes of the present entry's content that were not read yet, and what fills its last block.
    content_left: u64,
    padding_left: u64,
    has_ended: bool,
}

impl<R: Read> Archive<R> {
    pub fn new(source: R) -> Self {
        Self { source, position: 0, content_left: 0, padding_left: 0, has_ended: false }
    }

    /// The next entry, whatever was read of the one before; `None` at the end of the archive.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let mut pax = Pax::default();
        let (mut long_path, mut long_link) = (None, None);
        while let Some((at, header)) = self.next_header()? {
            match header.extension() {
                Some(Extension::Pax) => pax.read(&self.extension(at, EXTENSION_BYTES_MAX)?, at)?,
                // What it says is for the whole archive; nothing of it matters here.
                Some(Extension::GlobalPax) => {}
                Some(Extension::LongPath) => long_path = Some(self.long_name(at)?),
                Some(Extension::LongLink) => long_link = Some(self.long_name(at)?),
                None => {
                    let size = pax.size.unwrap_or(header.size);
                    let path = pax.path.or(long_path).unwrap_or_else(|| header.path());
                    let link = pax.link.or(long_link).unwrap_or_else(|| header.link());
                    for name in [&path, &link] {
                        check_length(name.len() as u64, at)?;
                    }
                    let kind = if pax.is_sparse { EntryKind::SparseFile } else { header.kind(&path, link) };
                    // Only files have content, whatever the header says of the others.
                    let has_content = matches!(kind, EntryKind::File | EntryKind::SparseFile | EntryKind::Other);
                    self.expect_content(if has_content { size } else { 0 });
                    if header.has_sparse_map {
                        self.skip_sparse_map()?;
                    }
                    return Ok(Some(Entry { path, kind, size: self.content_left }));
                }
            }
        }
        Ok(None)
    }

    /// The header of the next entry or extension, and where it stands.
    fn next_header(&mut self) -> Result<Option<(u64, Header)>, TarError> {
        self.skip_content()?;
        if self.has_ended {
            return Ok(None);
        }
        let at = self.position;
        let mut block = [0; BLOCK_BYTES];
        let read = self.read_up_to(&mut block)?;
        if read == 0 || block.iter().all(|&byte| byte == 0) {
            // One block of zeros ends an archive, and so does its plain end; what follows is of no archive.
            self.has_ended = true;
            return Ok(None);
        }
        if read < BLOCK_BYTES {
            return Err(TarError::Truncated(self.position));
        }
        let header = Header::parse(&block, at)?;
        self.expect_content(if header.extension().is_some() { header.size } else { 0 });
        Ok(Some((at, header)))
    }

    fn expect_content(&mut self, size: u64) {
        self.content_left = size;
        let block = BLOCK_BYTES as u64;
        self.padding_left = size.next_multiple_of(block).wrapping_sub(size) % block;
    }

    /// The content of an extension header, whose bound is checked before anything is read.
    fn extension(&mut self, at: u64, bytes_max: u64) -> Result<Vec<u8>, TarError> {
        let bytes = self.content_left;
        if bytes > bytes_max {
            return Err(TarError::ExtensionTooLarge { at, bytes });
        }
        let mut content = vec![0; usize::try_from(bytes).expect("a small number")];
        if self.read_up_to(&mut content)? < content.len() {
            return Err(TarError::Truncated(self.position));
        }
        self.content_left = 0;
        Ok(content)
    }

    fn long_name(&mut self, at: u64) -> Result<Vec<u8>, TarError> {
        // With the zero at its end.
        check_length(self.content_left.saturating_sub(1), at)?;
        let mut name = self.extension(at, EXTENSION_BYTES_MAX)?;
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        Ok(name)
    }

    /// Blocks that say where the holes are, between the header and the content (GNU).
    fn skip_sparse_map(&mut self) -> Result<(), TarError> {
        const IS_CONTINUED: usize = 504;
        let mut block = [0; BLOCK_BYTES];
        loop {
            if self.read_up_to(&mut block)? < BLOCK_BYTES {
                return Err(TarError::Truncated(self.position));
            }
            if block[IS_CONTINUED] == 0 {
                return Ok(());
            }
        }
    }

    fn skip_content(&mut self) -> Result<(), TarError> {
        let mut buffer = [0; 16 * 1024];
        let mut left = self.content_left + self.padding_left;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.read_up_to(&mut buffer[..wanted])?;
            left -= read as u64;
            if read == 0 {
                // An archiver may leave out what fills the last block.
                return if left > self.padding_left { Err(TarError::Truncated(self.position)) } else { Ok(()) };
            }
        }
        (self.content_left, self.padding_left) = (0, 0);
        Ok(())
    }

    /// Fills `buffer`, unless the source ends before. Returns how much was read.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> Result<usize, io::Error> {
        let mut read = 0;
        while read < buffer.len() {
            match self.source.read(&mut buffer[read..]) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.position += read as u64;
        Ok(read)
    }

    /// Reads what follows the archive, to the end of the source, which is given back.
    pub fn finish(mut self) -> Result<R, TarError> {
        self.skip_content()?;
        let mut buffer = [0; 16 * 1024];
        while self.read_up_to(&mut buffer)? > 0 {}
        Ok(self.source)
    }
}

/// The content of the present entry.
impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.content_left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.source.read(&mut buffer[..wanted])?;
        self.position += read as u64;
        self.content_left -= read as u64;
        if read == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, TarError::Truncated(self.position)));
        }
        Ok(read)
    }
}

fn check_length(bytes: u64, at: u64) -> Result<(), TarError> {
    if bytes > PATH_BYTES_MAX as u64 { Err(TarError::PathTooLong { at, bytes }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;

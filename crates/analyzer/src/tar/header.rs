//! One block of 512 bytes that begins an entry.

use super::extension::Extension;
use super::{EntryKind, TarError, number};

pub const BLOCK_BYTES: usize = 512;

const CHECKSUM: std::ops::Range<usize> = 148..156;

pub struct Header {
    name: Vec<u8>,
    /// What comes before the name (POSIX).
    prefix: Vec<u8>,
    link: Vec<u8>,
    type_flag: u8,
    pub size: u64,
    /// Whether blocks with more of a sparse file's map follow (GNU).
    pub has_sparse_map: bool,
}

impl Header {
    /// The header that stands at byte `at`.
    pub fn parse(block: &[u8; BLOCK_BYTES], at: u64) -> Result<Self, TarError> {
        let announced = number::parse(&block[CHECKSUM]).ok_or(TarError::Checksum(at))?;
        if !checksums(block).contains(&announced) {
            return Err(TarError::Checksum(at));
        }
        let type_flag = block[156];
        let size = number::parse(&block[124..136]).ok_or(TarError::Field { at, field: "size" })?;
        // GNU keeps other things where POSIX has the prefix, and says so in a different spelling.
        let is_posix = &block[257..263] == b"ustar\0";
        Ok(Self {
            name: text(&block[0..100]),
            prefix: if is_posix { text(&block[345..500]) } else { Vec::new() },
            link: text(&block[157..257]),
            type_flag,
            size,
            has_sparse_map: type_flag == b'S' && block[482] != 0,
        })
    }

    pub fn path(&self) -> Vec<u8> {
        if self.prefix.is_empty() { self.name.clone() } else { [&self.prefix[..], b"/", &self.name].concat() }
    }

    pub fn link(&self) -> Vec<u8> {
        self.link.clone()
    }

    pub fn extension(&self) -> Option<Extension> {
        match self.type_flag {
            b'x' => Some(Extension::Pax),
            b'g' => Some(Extension::GlobalPax),
            b'L' => Some(Extension::LongPath),
            b'K' => Some(Extension::LongLink),
            _ => None,
        }
    }

    /// `path` and `link` are those of the entry, which an extension may have changed.
    pub fn kind(&self, path: &[u8], link: Vec<u8>) -> EntryKind {
        match self.type_flag {
            // Before there was a flag for folders, a slash told them.
            b'0' | 0 | b'7' if path.ends_with(b"/") => EntryKind::Folder,
            b'0' | 0 | b'7' => EntryKind::File,
            b'1' => EntryKind::HardLink(link),
            b'2' => EntryKind::Symlink(link),
            b'5' => EntryKind::Folder,
            b'S' => EntryKind::SparseFile,
            _ => EntryKind::Other,
        }
    }
}

/// The sum of the block with blanks in place of the checksum; old archivers added signed bytes.
fn checksums(block: &[u8; BLOCK_BYTES]) -> [u64; 2] {
    let bytes = || block.iter().enumerate().map(|(at, &byte)| if CHECKSUM.contains(&at) { b' ' } else { byte });
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    [bytes().map(u64::from).sum(), u64::try_from(signed).unwrap_or(u64::MAX)]
}

/// Up to the first zero.
fn text(field: &[u8]) -> Vec<u8> {
    field[..field.iter().position(|&byte| byte == 0).unwrap_or(field.len())].to_vec()
}

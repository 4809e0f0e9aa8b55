//! Archives, good and bad.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const BLOCK: usize = 512;

/// An archive in the making.
#[derive(Clone, Default)]
pub struct TarBuilder(Vec<u8>);

impl TarBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(path, b'0', "", content.as_ref())
    }

    pub fn folder(self, path: &str) -> Self {
        self.entry(path, b'5', "", b"")
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, b'2', target, b"")
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, b'1', target, b"")
    }

    /// Files that need nothing but their names.
    pub fn empty_files(mut self, count: usize) -> Self {
        for number in 0..count {
            self = self.file(&format!("usr/share/{number}"), b"");
        }
        self
    }

    pub fn entry(mut self, path: &str, type_flag: u8, link: &str, content: &[u8]) -> Self {
        self.0.extend(header(path, type_flag, link, content.len() as u64));
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// A header that announces more than there is.
    pub fn announced(mut self, path: &str, type_flag: u8, size: u64) -> Self {
        self.0.extend(header(path, type_flag, "", size));
        self
    }

    /// A record for the next entry.
    pub fn pax(self, key: &str, value: &str) -> Self {
        let rest = key.len() + value.len() + 3;
        let digits = (1..9).find(|digits| (rest + digits).to_string().len() == *digits).unwrap();
        self.entry("pax", b'x', "", format!("{} {key}={value}\n", rest + digits).as_bytes())
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// Without the two empty blocks at the end.
    pub fn unfinished(self) -> Vec<u8> {
        self.0
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend([0; 2 * BLOCK]);
        self.0
    }
}

/// One block.
pub fn header(path: &str, type_flag: u8, link: &str, size: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = type_flag;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    seal(block)
}

/// With its checksum right.
pub fn seal(mut block: Vec<u8>) -> Vec<u8> {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(content: &[u8]) -> Vec<u8> {
    compress_to_vec(content, CompressionLevel::Fastest)
}

/// Ones and zeros without a pattern: an eighth of them is left when they are compressed.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        // xorshift64 (Marsaglia).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state >> 63 == 0 { b'0' } else { b'1' }
    };
    (0..bytes).map(|_| next()).collect()
}

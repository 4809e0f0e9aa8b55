//! How a layer is compressed. The beginning of the data tells, as it does for the engines that run images: media types
//! are wrong too often.

use std::fmt;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::LayerError;
use super::zstd::ZstdReader;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Data that may be compressed, read as it was before.
pub enum Unpacked<R: Read> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<ZstdReader<R>>),
}

/// How many bytes tell.
pub const BEGINNING_BYTES: usize = 6;

impl Compression {
    pub fn of(beginning: &[u8]) -> Result<Self, LayerError> {
        let refused = |name| Err(LayerError::UnknownCompression(name));
        match beginning {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            // A frame, or one to be skipped, which is how zstd:chunked may begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => refused("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => refused("bzip2"),
            [0x04, 0x22, 0x4d, 0x18, ..] => refused("lz4"),
            [b'P', b'K', 0x03, 0x04, ..] => refused("zip"),
            _ => Ok(Self::None),
        }
    }

    pub fn unpack<R: Read>(self, source: R) -> Unpacked<R> {
        match self {
            Self::None => Unpacked::Plain(source),
            Self::Gzip => Unpacked::Gzip(Box::new(MultiGzDecoder::new(source))),
            Self::Zstd => Unpacked::Zstd(Box::new(ZstdReader::new(source))),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// As it stands in a sentence about the data.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

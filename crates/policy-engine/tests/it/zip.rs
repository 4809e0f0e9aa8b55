//! Archives as OSV has them, made while they are sent.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// An archive of entries that are made one by one. It ends with a 64-bit record, as large ones do.
pub struct ZipStream<I> {
    entries: I,
    directory: Vec<u8>,
    count: u64,
    offset: u64,
    has_ended: bool,
}

impl<I: Iterator<Item = (String, Vec<u8>)>> ZipStream<I> {
    pub fn new(entries: I) -> Self {
        Self { entries, directory: Vec::new(), count: 0, offset: 0, has_ended: false }
    }

    fn entry(&mut self, name: &str, content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        let packed = encoder.finish().unwrap();
        let mut crc = crc32fast::Hasher::new();
        crc.update(content);
        let mut sizes = crc.finalize().to_le_bytes().to_vec();
        sizes.extend(number32(packed.len()));
        sizes.extend(number32(content.len()));
        // Version 2.0, no flags, deflated, no time.
        let common = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0], sizes.as_slice(), &number16(name.len())].concat();
        let local = [b"PK\x03\x04", common.as_slice(), &[0, 0], name.as_bytes(), &packed].concat();
        let place = u32::try_from(self.offset).unwrap().to_le_bytes();
        self.directory.extend([b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 12], &place, name.as_bytes()].concat());
        self.offset += local.len() as u64;
        self.count += 1;
        local
    }

    fn end(&mut self) -> Vec<u8> {
        let directory = std::mem::take(&mut self.directory);
        let (count, size, offset) = (self.count.to_le_bytes(), (directory.len() as u64).to_le_bytes(), self.offset);
        let record = [
            b"PK\x06\x06".as_slice(),
            &44_u64.to_le_bytes(),
            &[45, 0, 45, 0],
            &[0; 8],
            &count,
            &count,
            &size,
            &offset.to_le_bytes(),
        ];
        let record_at = (offset + directory.len() as u64).to_le_bytes();
        let locator = [b"PK\x06\x07".as_slice(), &[0; 4], &record_at, &[1, 0, 0, 0]];
        let end = [b"PK\x05\x06".as_slice(), &[0; 4], &[0xff; 12], &[0, 0]];
        [directory, record.concat(), locator.concat(), end.concat()].concat()
    }
}

impl<I: Iterator<Item = (String, Vec<u8>)>> Iterator for ZipStream<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if let Some((name, content)) = self.entries.next() {
            return Some(self.entry(&name, &content));
        }
        (!std::mem::replace(&mut self.has_ended, true)).then(|| self.end())
    }
}

/// A whole archive.
pub fn zip<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let entries = entries.into_iter().map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
    ZipStream::new(entries).flatten().collect()
}

fn number16(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_le_bytes()
}

fn number32(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

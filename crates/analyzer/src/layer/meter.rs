//! Measuring a layer while it is read, on both sides of its compression.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oci_registry::{Digest, Hashing};

use super::compression::{BEGINNING_BYTES, Compression, Unpacked};
use super::error::LayerError;
use crate::Bounds;
use crate::bounds::{KEPT_BYTES_MAX, RATIO_FREE_BYTES};

/// What the layers of one image may cost together, and what they have cost so far. Clones share the account.
#[derive(Debug, Clone)]
pub struct Budget {
    bounds: Bounds,
    spent: Arc<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    entries: AtomicU64,
    unpacked_bytes: AtomicU64,
    kept_bytes: AtomicU64,
}

impl Budget {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, spent: Arc::default() }
    }

    pub fn entries(&self) -> u64 {
        self.spent.entries.load(Ordering::Relaxed)
    }

    pub fn unpacked_bytes(&self) -> u64 {
        self.spent.unpacked_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count_entry(&self) -> Result<(), LayerError> {
        let max = self.bounds.entries_max;
        if add(&self.spent.entries, 1) > max { Err(LayerError::TooManyEntries(max)) } else { Ok(()) }
    }

    pub(super) fn keep(&self, bytes: u64) -> Result<(), LayerError> {
        if add(&self.spent.kept_bytes, bytes) > KEPT_BYTES_MAX { Err(LayerError::KeptTooLarge) } else { Ok(()) }
    }

    fn unpack(&self, bytes: u64) -> Result<(), LayerError> {
        let max = self.bounds.unpacked_bytes_max;
        if add(&self.spent.unpacked_bytes, bytes) > max { Err(LayerError::TooLarge(max)) } else { Ok(()) }
    }
}

fn add(to: &AtomicU64, more: u64) -> u64 {
    to.fetch_add(more, Ordering::Relaxed).saturating_add(more)
}

/// The compressed side: counts what goes in, and shows its beginning before it is read.
pub struct Inflow<R> {
    source: R,
    beginning: Vec<u8>,
    /// How much of the beginning was read already.
    passed: usize,
    counter: Arc<AtomicU64>,
}

impl<R: Read> Inflow<R> {
    pub fn new(source: R) -> Self {
        Self { source, beginning: Vec::new(), passed: 0, counter: Arc::default() }
    }

    pub fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counter)
    }

    /// The first bytes, which will be read all the same.
    pub fn beginning(&mut self) -> Result<Vec<u8>, LayerError> {
        let mut beginning = Vec::new();
        let read = self.source.by_ref().take(BEGINNING_BYTES as u64).read_to_end(&mut beginning);
        read.map_err(LayerError::from_read)?;
        self.beginning.clone_from(&beginning);
        Ok(beginning)
    }
}

impl<R: Read> Read for Inflow<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = &self.beginning[self.passed..];
        let read = if ahead.is_empty() {
            self.source.read(buffer)?
        } else {
            let read = ahead.len().min(buffer.len());
            buffer[..read].copy_from_slice(&ahead[..read]);
            self.passed += read;
            read
        };
        self.counter.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The unpacked side: makes the diff ID, holds the bounds, and names what is wrong with the compression.
pub struct Meter<'a, R: Read> {
    source: Unpacked<R>,
    compressed_bytes: Arc<AtomicU64>,
    compression: Compression,
    hashing: Hashing,
    bytes: u64,
    budget: &'a Budget,
}

impl<'a, R: Read> Meter<'a, R> {
    pub fn new(
        source: Unpacked<R>,
        compressed_bytes: Arc<AtomicU64>,
        hashing: Hashing,
        compression: Compression,
        budget: &'a Budget,
    ) -> Self {
        Self { source, compressed_bytes, compression, hashing, bytes: 0, budget }
    }

    /// The diff ID.
    pub fn finish(self) -> Digest {
        self.hashing.finish()
    }

    fn check_ratio(&self) -> Result<(), LayerError> {
        let max = self.budget.bounds.ratio_max;
        let allowed = self.compressed_bytes.load(Ordering::Relaxed).saturating_mul(max);
        if self.bytes > RATIO_FREE_BYTES && self.bytes > allowed { Err(LayerError::Ratio(max)) } else { Ok(()) }
    }

    fn compression_error(&self, error: io::Error) -> io::Error {
        // Of the source itself: it knows better.
        if self.compression == Compression::None {
            return error;
        }
        io::Error::other(if is_early_end(&error) {
            LayerError::Truncated(self.compression)
        } else {
            LayerError::Damaged(self.compression, cause::truncated(&error.to_string(), 256))
        })
    }
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer).map_err(|error| self.compression_error(error))?;
        self.hashing.update(&buffer[..read]);
        self.bytes += read as u64;
        self.budget.unpack(read as u64).and_then(|()| self.check_ratio()).map_err(io::Error::other)?;
        Ok(read)
    }
}

/// Whether the data ended too early, however deep the decoder has buried that.
fn is_early_end(error: &io::Error) -> bool {
    let links =
        std::iter::successors(error.get_ref().map(|inner| inner as &dyn std::error::Error), |link| link.source());
    let mut kinds = links.filter_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind);
    error.kind() == io::ErrorKind::UnexpectedEof || kinds.any(|kind| kind == io::ErrorKind::UnexpectedEof)
}

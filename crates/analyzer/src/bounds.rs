//! What an image may cost.

use std::time::Duration;

/// Most layers of an image. Docker makes at most 127.
pub const LAYERS_MAX: usize = 512;
/// Largest configuration of an image, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Deepest nesting of indexes: one that names another is rare already.
pub const INDEX_DEPTH_MAX: usize = 4;
/// Layers of one image that are read at the same time.
pub const LAYERS_AT_ONCE_MAX: usize = 3;
/// Most bytes of all files that are kept to be looked into, of one image. Large ones lie on disk.
pub const KEPT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Most entries that are kept of one layer: a package a file, at most.
pub const KEPT_ENTRIES_MAX: usize = 50_000;
/// Most packages of one image.
pub const PACKAGES_MAX: usize = 200_000;
/// Most unknowns that are told of one image.
pub const UNKNOWNS_MAX: usize = 20;
/// Bytes that a layer may unpack to before its ratio is looked at: little that compresses well does no harm.
pub const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// The bounds that are settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes of one layer as the registry has it.
    pub layer_bytes_max: u64,
    /// Most bytes that all layers together may unpack to.
    pub unpacked_bytes_max: u64,
    /// Most bytes that one byte of a layer may unpack to.
    pub ratio_max: u64,
    /// Most entries of all layers together.
    pub entries_max: u64,
    /// Longest time one analysis may take.
    pub timeout: Duration,
}

const GIB: u64 = 1 << 30;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            layer_bytes_max: 16 * GIB,
            unpacked_bytes_max: 64 * GIB,
            ratio_max: 500,
            entries_max: 5_000_000,
            timeout: Duration::from_hours(1),
        }
    }
}

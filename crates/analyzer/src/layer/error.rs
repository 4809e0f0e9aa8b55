//! Why a layer cannot be read.

use std::io;

use cause::CauseCode;

use super::Compression;
use crate::bounds::{KEPT_BYTES_MAX, KEPT_ENTRIES_MAX};
use crate::rootfs::OutsideRoot;
use crate::tar::TarError;

#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("{0}")]
    Archive(TarError),
    #[error(transparent)]
    OutsideRoot(#[from] OutsideRoot),
    #[error("the {0} data ends before its end")]
    Truncated(Compression),
    #[error("the {0} data is damaged: {1}")]
    Damaged(Compression, String),
    #[error("compressed by {0}, which images do not use")]
    UnknownCompression(&'static str),
    #[error("more than {0} entries in the image")]
    TooManyEntries(u64),
    #[error("the layers unpack to more than {0} bytes")]
    TooLarge(u64),
    #[error("unpacks to more than {0} times its size")]
    Ratio(u64),
    #[error("more than {KEPT_ENTRIES_MAX} entries of package databases in one layer")]
    TooManyKept,
    #[error("more than {KEPT_BYTES_MAX} bytes of package databases")]
    KeptTooLarge,
    #[error("the temporary file for a package database cannot be written: {0}")]
    Disk(#[source] io::Error),
}

impl LayerError {
    /// The error behind one of reading: ours, where the bounds or the compression refused, else one of the archive.
    pub fn from_read(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => match error.downcast::<TarError>() {
                Ok(error) => Self::Archive(error),
                Err(error) => Self::Archive(TarError::Source(error)),
            },
        }
    }

    pub fn code(&self) -> CauseCode {
        match self {
            Self::Archive(TarError::PathTooLong { .. } | TarError::ExtensionTooLarge { .. }) => CauseCode::TooLarge,
            Self::Archive(_) | Self::OutsideRoot(_) | Self::Truncated(_) | Self::Damaged(..) => CauseCode::Parse,
            Self::UnknownCompression(_) => CauseCode::Unsupported,
            Self::TooManyEntries(_) | Self::TooLarge(_) | Self::Ratio(_) | Self::TooManyKept | Self::KeptTooLarge => {
                CauseCode::TooLarge
            }
            Self::Disk(_) => CauseCode::Disk,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Archive(TarError::PathTooLong { .. } | TarError::ExtensionTooLarge { .. }) => {
                "No file system holds such a path: the image was made wrongly, or to do harm. Find out who pushed it."
            }
            Self::Archive(_) | Self::Truncated(_) | Self::Damaged(..) => {
                "The registry has the layer as it was pushed, and it is broken: build the image anew and push it again."
            }
            Self::OutsideRoot(_) => {
                "The image was made wrongly, or to do harm: no tool writes such a path. Find out who pushed it, and do \
                 not run it."
            }
            Self::UnknownCompression(_) => "Build the image with layers compressed by gzip or zstd, or not at all.",
            Self::TooManyEntries(_) => {
                "If the image is meant to be that large, raise services.analyzer.entries_max; else look into how it is \
                 built."
            }
            Self::TooLarge(_) => {
                "If the image is meant to be that large, raise services.analyzer.unpacked_bytes_max; else look into how \
                 it is built."
            }
            Self::Ratio(_) => {
                "Data of this kind is made to fill up whoever unpacks it. If the image is known to be good (huge files \
                 of zeros), raise services.analyzer.ratio_max."
            }
            Self::TooManyKept | Self::KeptTooLarge => {
                "No distribution has package databases of that size: the image was made wrongly, or to do harm."
            }
            Self::Disk(_) => {
                "Make room where this process keeps temporary files (`TMPDIR`), and make sure that it may write there."
            }
        }
    }
}

impl From<TarError> for LayerError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Source(error) => Self::from_read(error),
            error => Self::Archive(error),
        }
    }
}

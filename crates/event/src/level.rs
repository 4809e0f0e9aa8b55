//! The severity of an event.

use std::fmt;
use std::str::FromStr;

/// Severity of an event; the contract knows these two only (`reference` section 1.1). Written in upper case, read in
/// any case, because old clients sent upper and newer ones lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    Info,
    Error,
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown level `{0}`, expected `info` or `error`")]
pub struct LevelError(String);

impl Level {
    pub const ALL: [Self; 2] = [Self::Info, Self::Error];

    /// The level as it leaves the system: `INFO` or `ERROR`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Error => "ERROR",
        }
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| LevelError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

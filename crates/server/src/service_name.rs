//! The services of this release.

use std::fmt;

use clap::ValueEnum;

/// A service that `run` can be told to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ServiceName {
    /// Watches registries
    Catalog,
    /// Stores events and answers queries
    EventsStore,
    /// The public door
    Gateway,
}

impl ServiceName {
    pub const ALL: [Self; 3] = [Self::Catalog, Self::EventsStore, Self::Gateway];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => catalog::SERVICE,
            Self::EventsStore => events_store::SERVICE,
            Self::Gateway => gateway::SERVICE,
        }
    }

    /// Whether it publishes events of its own.
    pub fn is_emitter(self) -> bool {
        self == Self::Catalog
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

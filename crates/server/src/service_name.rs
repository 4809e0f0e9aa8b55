//! The services of this release.

use std::fmt;

use clap::ValueEnum;

/// A service that `run` can be told to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ServiceName {
    /// Watches registries
    Catalog,
    /// Syncs vulnerability feeds
    PolicyEngine,
    /// Analyses images
    Analyzer,
    /// Stores events and answers queries
    EventsStore,
    /// Delivers webhooks
    Notifier,
    /// The public door
    Gateway,
}

impl ServiceName {
    pub const ALL: [Self; 6] =
        [Self::Catalog, Self::PolicyEngine, Self::Analyzer, Self::EventsStore, Self::Notifier, Self::Gateway];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => catalog::SERVICE,
            Self::PolicyEngine => policy_engine::SERVICE,
            Self::Analyzer => analyzer::SERVICE,
            Self::EventsStore => events_store::SERVICE,
            Self::Notifier => notifier::SERVICE,
            Self::Gateway => gateway::SERVICE,
        }
    }

    /// Its section below `services` in the configuration.
    pub fn section(self) -> String {
        format!("services.{}", self.as_str().replace('-', "_"))
    }

    /// As events name it (`source.servicename`).
    pub fn in_events(self) -> String {
        self.as_str().replace('-', "_")
    }

    /// Whether it reads or writes the bus.
    pub fn uses_bus(self) -> bool {
        self != Self::Gateway
    }

    /// Whether it reads the bus, as a consumer of its own name.
    pub fn reads_bus(self) -> bool {
        matches!(self, Self::EventsStore | Self::Notifier | Self::Analyzer)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

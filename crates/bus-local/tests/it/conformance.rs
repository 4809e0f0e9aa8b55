//! The promises of every bus.

use std::sync::Arc;

use async_trait::async_trait;
use bus::Bus;
use bus::conformance::Candidate;
use bus_local::{LocalBus, LocalBusConfig};
use tempfile::TempDir;

struct LocalCandidate {
    directory: TempDir,
    /// `None` only while it is opened again.
    bus: Option<Arc<LocalBus>>,
}

impl LocalCandidate {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut candidate = Self { directory, bus: None };
        candidate.open().await;
        candidate
    }

    async fn open(&mut self) {
        let file = self.directory.path().join("bus.db");
        self.bus = Some(LocalBus::open(&file, LocalBusConfig::default()).await.expect("an open bus"));
    }
}

#[async_trait]
impl Candidate for LocalCandidate {
    fn bus(&self) -> Arc<dyn Bus> {
        self.bus.clone().expect("open between calls")
    }

    async fn reopen(&mut self) {
        if let Some(bus) = self.bus.take() {
            bus.close().await;
        }
        self.open().await;
    }

    /// Dropped without being closed; `kill.rs` does it to a process.
    async fn crash(&mut self) {
        self.bus = None;
        self.open().await;
    }
}

bus::conformance_suite!(LocalCandidate::new());

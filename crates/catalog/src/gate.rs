//! The way to the tables, once they exist.

use std::sync::{Arc, OnceLock};

use service::readiness::{Latch, Readiness};
use tokio::sync::watch;

use crate::SERVICE;
use crate::tables::Tables;

/// The condition of the service's readiness: without its database it goes on watching and tells what fails, and can
/// neither note what changed nor answer about it.
pub(crate) const DATABASE: &str = "database";

/// Lets through to the tables once they exist. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate {
    tables: Arc<OnceLock<Tables>>,
    is_open: Arc<watch::Sender<bool>>,
    readiness: Readiness,
    pub(crate) latch: Latch,
}

impl Gate {
    pub(crate) fn new(readiness: Readiness) -> Self {
        let latch = readiness.service(SERVICE, &[DATABASE]);
        Self { tables: Arc::default(), is_open: Arc::new(watch::Sender::new(false)), readiness, latch }
    }

    /// Lets everybody through from now on.
    pub(crate) fn open(&self, tables: Tables) {
        // Opened once, by the one who prepared the tables.
        let _ = self.tables.set(tables);
        self.is_open.send_replace(true);
    }

    pub(crate) fn tables(&self) -> Option<&Tables> {
        self.tables.get()
    }

    /// Returns when it is open.
    pub(crate) async fn opened(&self) -> &Tables {
        let mut changes = self.is_open.subscribe();
        // The sender is one of this gate's own parts.
        let _ = changes.wait_for(|is_open| *is_open).await;
        self.tables.get().expect("an open gate has its tables")
    }

    /// What the service waits for, in one line.
    pub(crate) fn reasons(&self) -> String {
        self.readiness.reasons(SERVICE).unwrap_or_default().join("; ")
    }
}

//! The way to the tables, once they exist.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use database::DatabaseError;
use service::readiness::{Latch, Readiness};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::error;

use crate::SERVICE;
use crate::tables::Tables;

/// The condition of the service's readiness: without its database it goes on watching and tells what fails, and can
/// neither note what changed nor answer about it.
pub(crate) const DATABASE: &str = "database";

/// How long a database that failed is left alone by those who can do without: each try may take seconds.
pub(crate) const REST: Duration = Duration::from_secs(5);

/// Lets through to the tables once they exist. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate {
    tables: Arc<OnceLock<Tables>>,
    is_open: Arc<watch::Sender<bool>>,
    rests_until: Arc<Mutex<Option<Instant>>>,
    readiness: Readiness,
    latch: Latch,
}

impl Gate {
    pub(crate) fn new(readiness: Readiness) -> Self {
        let latch = readiness.service(SERVICE, &[DATABASE]);
        let is_open = Arc::new(watch::Sender::new(false));
        Self { tables: Arc::default(), is_open, rests_until: Arc::default(), readiness, latch }
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

    /// The tables, unless they failed a moment ago.
    pub(crate) fn usable(&self) -> Option<&Tables> {
        let rests_until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        self.tables().filter(|_| rests_until.is_none_or(|until| Instant::now() >= until))
    }

    /// Notes that the database did what was asked.
    pub(crate) fn works(&self) {
        self.latch.holds(DATABASE);
    }

    /// Notes that the database did not do what was asked.
    pub(crate) fn fails(&self, failure: &DatabaseError) {
        if !failure.is_transient() {
            error!(error = failure.chain(), "the database refused a statement");
        }
        self.waits_for(failure.chain());
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
    }

    /// Notes what the database needs, in one line.
    pub(crate) fn waits_for(&self, reason: impl AsRef<str>) {
        self.latch.fails(DATABASE, reason);
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

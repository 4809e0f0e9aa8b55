//! Tells what was written down: emits it, and only then forgets it.
//!
//! An event that was emitted and not forgotten is emitted again under the same ID, which changes nothing.

use std::sync::Arc;
use std::time::Duration;

use emitter::{EmitError, Emitter, Notice};
use event::{AccountName, Clock};
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::ledger::{Ledger, PendingReport};

/// How often it looks for what was left behind without being woken.
const LOOK_CYCLE: Duration = Duration::from_secs(15);

pub(crate) struct Teller {
    pub(crate) ledger: Ledger,
    pub(crate) emitter: Emitter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) woken: Arc<Notify>,
}

/// Whether there is more to do at once.
enum Told {
    All,
    /// More may be there.
    Some,
    /// The bus or the database is away.
    Hindered,
}

impl Teller {
    /// Until told to stop, and then what is there already, as far as that goes at once.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            match self.tell().await {
                Told::Some => waits.reset(),
                Told::All => {
                    waits.reset();
                    // Woken, or time to look, or told to stop: each leads on.
                    let _ = tokio::time::timeout(LOOK_CYCLE, stop.run_until_cancelled(self.woken.notified())).await;
                }
                Told::Hindered => drop(waits.pause(&stop).await),
            }
        }
        while matches!(self.tell().await, Told::Some) {}
    }

    async fn tell(&self) -> Told {
        let pending = match self.ledger.pending(self.clock.now()).await {
            Ok(pending) if pending.is_empty() => return Told::All,
            Ok(pending) => pending,
            Err(error) => {
                debug!(error = error.chain(), "cannot read what is to be told");
                return Told::Hindered;
            }
        };
        let mut told = Vec::new();
        let mut is_hindered = false;
        for pending in pending {
            let id = pending.id;
            if self.emit(pending).await {
                told.push(id);
            } else {
                is_hindered = true;
                break;
            }
        }
        if let Err(error) = self.ledger.told(&told).await {
            debug!(error = error.chain(), "cannot note what was told");
            return Told::Hindered;
        }
        if is_hindered { Told::Hindered } else { Told::Some }
    }

    /// Whether it need not be told any more.
    async fn emit(&self, PendingReport { id, report }: PendingReport) -> bool {
        let Some(report) = report else {
            error!(event.id = %id, "an event of a type that this release does not know is not told");
            return true;
        };
        let notice =
            Notice { kind: report.kind, account: owner(), resource_id: report.resource_id, details: report.details };
        match self.emitter.emit_as(id, report.occurred_at, notice).await {
            Ok(_) => true,
            Err(error @ EmitError::Invalid(_)) => {
                error!(event.id = %id, error = error.chain(), "an event is not valid and cannot be told");
                true
            }
            Err(error) => {
                warn!(event.id = %id, error = error.chain(), "cannot tell about a sync now");
                false
            }
        }
    }
}

/// Feed events belong to the admin (contract section 2).
fn owner() -> AccountName {
    "admin".parse().expect("`admin` is an account name")
}

//! Carries runs out: how they begin, stay alive and end.

mod turn;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cause::{Cause, CauseCode};
use event::{Clock, Timestamp};
use service::readiness::Latch;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::config::Config;
use crate::ledger::{Busy, Ledger, LedgerError, RUN_RENEWED_EVERY};
use crate::metrics::Metrics;
use crate::policy_engine::DATABASE;
use crate::progress::{Board, RunProgress, Summary};
use crate::scope::Scope;
use crate::source::Source;
use crate::{FeedName, telling};

/// What every run of this process works with.
pub(crate) struct Syncer {
    pub(crate) config: Config,
    pub(crate) sources: BTreeMap<FeedName, Source>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) board: Board,
    pub(crate) latch: Latch,
    /// Where downloads lie while they are read.
    pub(crate) spool_directory: PathBuf,
    /// Wakes the teller.
    pub(crate) told: Arc<Notify>,
}

/// A run that holds its feeds.
pub(crate) struct Run {
    pub(crate) id: Uuid,
    scope: Scope,
    began_at: Timestamp,
    pub(crate) progress: RunProgress,
}

/// Why a run did not begin.
#[derive(Debug)]
pub(crate) enum NotBegun {
    /// Another run has these feeds.
    Busy(Vec<Busy>),
    Ledger(LedgerError),
}

/// Why a run ended in the middle.
enum BrokenOff {
    /// The process was told to stop.
    Stopped,
    /// Another replica has taken it for dead, or the database refuses what never passes.
    Given(LedgerError),
}

impl From<LedgerError> for BrokenOff {
    fn from(error: LedgerError) -> Self {
        Self::Given(error)
    }
}

impl Syncer {
    /// Takes the feeds of `scope` and tells that a run has begun. With `all_or_none` it begins only with all of them,
    /// otherwise with those that nobody else has.
    pub(crate) async fn begin(&self, mut scope: Scope, all_or_none: bool) -> Result<Run, NotBegun> {
        let began_at = self.clock.now();
        // What has died is told before what begins.
        self.ledger.bury_dead(began_at).await.map_err(NotBegun::Ledger)?;
        let id = Uuid::now_v7();
        let report = telling::run_started(&scope, began_at);
        let taken = self.ledger.begin_run(id, &scope.feed_names(), all_or_none, &report, began_at).await;
        let taken = taken.map_err(NotBegun::Ledger)?;
        if taken.feeds.is_empty() {
            return Err(NotBegun::Busy(taken.busy));
        }
        for Busy { feed, host, since } in &taken.busy {
            info!(feed, host, %since, "another sync of the feed is under way");
        }
        scope.retain(&taken.feeds);
        self.told.notify_one();
        let progress = RunProgress::new(scope.group_ids());
        self.board.add(progress.follow());
        info!(run.id = %id, feeds = scope.feeds.len(), "a sync of feeds begins");
        Ok(Run { id, scope, began_at, progress })
    }

    /// Syncs what the run has taken, until it is done or `stop` says so; then what it has begun is told to have failed.
    pub(crate) async fn carry_out(&self, run: Run, stop: CancellationToken) {
        let work = async {
            let mut ends = Vec::new();
            for (feed, groups) in &run.scope.feeds {
                ends.extend(self.sync_feed(&run, feed, groups, &stop).await?);
            }
            let now = self.clock.now();
            let report = telling::run_ended(&run.scope, &ends, run.began_at, now);
            self.patiently(&stop, || self.ledger.end_run(run.id, &report, now)).await?;
            Ok(ends)
        };
        let ended = tokio::select! {
            ended = work => ended,
            error = self.keep_alive(&run) => Err(BrokenOff::Given(error)),
            () = stop.cancelled() => Err(BrokenOff::Stopped),
        };
        let mut summary = Summary { synced: 0, failed: run.scope.group_ids().len() as u64 };
        match ended {
            Ok(ends) => {
                summary.failed = ends.iter().filter(|end| end.is_failure()).count() as u64;
                summary.synced = ends.len() as u64 - summary.failed;
                let Summary { synced, failed } = summary;
                info!(run.id = %run.id, groups.synced = synced, groups.failed = failed, "a sync of feeds has ended");
            }
            Err(BrokenOff::Stopped) => self.break_off(&run).await,
            Err(BrokenOff::Given(error)) => {
                error!(run.id = %run.id, error = error.chain(), "a sync was given up; it is told to have failed once it is taken for dead");
            }
        }
        self.told.notify_one();
        run.progress.ended(summary);
    }

    /// Says again and again that the run lives. Returns when that is not so.
    async fn keep_alive(&self, run: &Run) -> LedgerError {
        loop {
            tokio::time::sleep(RUN_RENEWED_EVERY).await;
            match self.ledger.renew(run.id, self.clock.now()).await {
                Err(error) if error.is_transient() => self.latch.fails(DATABASE, error.chain()),
                Err(error) => return error,
                Ok(()) => {}
            }
        }
    }

    async fn break_off(&self, run: &Run) {
        info!(run.id = %run.id, "told to stop: the sync is broken off");
        let hint = "The groups keep the state that they had, and are synced when the process runs again.";
        let cause = Cause::new(CauseCode::Interrupted, "the process was told to stop in the middle of the sync", hint);
        if let Err(error) = self.ledger.break_off(run.id, &cause, self.clock.now()).await {
            // It is told when the process runs again.
            warn!(run.id = %run.id, error = error.chain(), "cannot note that a sync was broken off");
        }
    }

    /// Tries until the database is there: what is done must be noted, however long that takes.
    async fn patiently<T, F>(&self, stop: &CancellationToken, attempt: impl Fn() -> F) -> Result<T, BrokenOff>
    where
        F: Future<Output = Result<T, LedgerError>>,
    {
        let mut waits = Waits::default();
        loop {
            match attempt().await {
                Err(error) if error.is_transient() => {
                    self.latch.fails(DATABASE, error.chain());
                    if waits.pause(stop).await {
                        return Err(BrokenOff::Stopped);
                    }
                }
                said => {
                    self.latch.holds(DATABASE);
                    return said.map_err(BrokenOff::from);
                }
            }
        }
    }
}

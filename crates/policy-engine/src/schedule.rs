//! When what is synced: by the time, or because somebody asks for it.

use std::sync::Arc;
use std::time::Duration;

use event::Timestamp;
use service::config::format_span;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config::FeedConfig;
use crate::ledger::{Busy, LedgerError};
use crate::policy_engine::DATABASE;
use crate::progress::RunProgress;
use crate::scope::Scope;
use crate::state::GroupState;
use crate::syncer::{NotBegun, Run, Syncer};
use crate::telling;

/// How often it looks for what is due; more often where the cycle is shorter.
const LOOK_CYCLE: Duration = Duration::from_secs(5);
/// How often it looks for what nobody has configured for a long time.
const FORGET_CYCLE: Duration = Duration::from_hours(24);

/// Somebody wants a sync now.
pub(crate) struct Order {
    pub(crate) scope: Scope,
    /// Told whether it has begun, and how it can be followed.
    pub(crate) begun: oneshot::Sender<Result<RunProgress, NotBegun>>,
}

pub(crate) struct Schedule {
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) orders: mpsc::Receiver<Order>,
}

impl Schedule {
    /// Until told to stop; runs that go on then are broken off.
    ///
    /// # Panics
    /// When a run panics, so that the process ends and does not go on half blind.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut runs = JoinSet::new();
        let mut forgotten_at: Option<Timestamp> = None;
        let look_cycle = LOOK_CYCLE.min(self.syncer.config.feed_sync);
        let mut looks = tokio::time::interval(look_cycle);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(order) = self.orders.recv() => self.obey(order, &mut runs, &stop).await,
                Some(ended) = runs.join_next() => go_on_unless_panicked(ended),
                _ = looks.tick() => match self.look(&mut runs, &stop, &mut forgotten_at).await {
                    Ok(()) => self.syncer.latch.holds(DATABASE),
                    Err(error) => {
                        debug!(error = error.chain(), "cannot see what is due");
                        self.syncer.latch.fails(DATABASE, error.chain());
                    }
                },
            }
        }
        while let Some(ended) = runs.join_next().await {
            go_on_unless_panicked(ended);
        }
    }

    async fn obey(&self, order: Order, runs: &mut JoinSet<()>, stop: &CancellationToken) {
        let begun = self.syncer.begin(order.scope, true).await;
        let answer = begun.map(|run| {
            let progress = run.progress.clone();
            self.spawn(run, runs, stop);
            progress
        });
        // Who has gone away does not want to know.
        let _ = order.begun.send(answer);
    }

    /// Begins what is due, and tells what is stale.
    async fn look(
        &self,
        runs: &mut JoinSet<()>,
        stop: &CancellationToken,
        forgotten_at: &mut Option<Timestamp>,
    ) -> Result<(), LedgerError> {
        let syncer = &self.syncer;
        let now = syncer.clock.now();
        if syncer.ledger.bury_dead(now).await? > 0 {
            syncer.told.notify_one();
        }
        let ids: Vec<_> = syncer.config.feeds.iter().flat_map(FeedConfig::group_ids).collect();
        // What somebody syncs now is not due, though its row says so until it ends. Asked first: a sync that ends in between
        // has left its row as it is from then on.
        let busy = syncer.ledger.busy().await?;
        let states = syncer.ledger.groups(&ids).await?;
        self.tell_stale(&states, now).await?;
        let is_free = |state: &&GroupState| busy.iter().all(|busy: &Busy| busy.feed != state.id.feed.as_str());
        let due: Vec<&GroupState> = states.iter().filter(|state| state.is_due(now)).filter(is_free).collect();
        let is_due = |id: &crate::GroupId| due.iter().any(|state| state.id == *id);
        if let Some(scope) = Scope::due(&syncer.config.feeds, is_due) {
            match syncer.begin(scope, false).await {
                Ok(run) => self.spawn(run, runs, stop),
                Err(NotBegun::Busy(_)) => debug!("another replica was quicker"),
                Err(NotBegun::Ledger(error)) => return Err(error),
            }
        }
        if forgotten_at.is_none_or(|at| now.since(at) >= FORGET_CYCLE) {
            syncer.ledger.forget_unconfigured(now).await?;
            *forgotten_at = Some(now);
        }
        Ok(())
    }

    async fn tell_stale(&self, states: &[GroupState], now: Timestamp) -> Result<(), LedgerError> {
        let syncer = &self.syncer;
        let config = &syncer.config;
        for state in states.iter().filter(|state| state.age(now) > config.stale_after) {
            let is_news = state.stale_told_at.is_none_or(|at| now.since(at) >= config.reminder_interval);
            // A group that is due gets its chance first: after a long pause of this process, all of them are stale.
            let had_its_chance = state.failing.is_some() || !state.is_due(now);
            if is_news && had_its_chance {
                warn!(group = %state.id, synced_at = ?state.synced_at.map(|at| at.to_string()), "a group is stale");
                let report = telling::group_stale(state, &format_span(config.stale_after), now);
                syncer.ledger.tell_stale(state, &report, now).await?;
                syncer.told.notify_one();
            }
        }
        Ok(())
    }

    fn spawn(&self, run: Run, runs: &mut JoinSet<()>, stop: &CancellationToken) {
        let (syncer, stop) = (Arc::clone(&self.syncer), stop.clone());
        runs.spawn(async move { syncer.carry_out(run, stop).await });
    }
}

fn go_on_unless_panicked(ended: Result<(), tokio::task::JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}

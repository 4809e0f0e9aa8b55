//! Keeps a patrol for each watch: those of the configuration from the start, those added at run time once the database
//! is there, and whatever is added and deleted meanwhile.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use oci_registry::random_fraction;
use service::config::format_span;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span};

use crate::patrol::{Patrol, Surroundings};
use crate::registries::Registries;
use crate::roster::Roster;
use crate::{Watch, WatchKey};

/// The first turns are spread over this time for each watch, and over one cycle at most: a restart must not ask
/// everything of everybody at once, and a single repository must not keep its reader waiting.
const START_SPREAD_PER_WATCH: Duration = Duration::from_millis(250);
/// Changes that wait for their turn.
const CHANGES_MAX: usize = 64;

pub(crate) struct Watcher {
    roster: Roster,
    registries: Arc<Registries>,
    surroundings: Surroundings,
    changes: mpsc::Receiver<Change>,
    running: HashMap<WatchKey, Running>,
    patrols: JoinSet<()>,
}

struct Running {
    stop: CancellationToken,
    /// Nothing is aborted; this only tells whether the patrol has ended.
    handle: AbortHandle,
}

/// Begins and ends patrols while the watcher runs.
#[derive(Clone)]
pub(crate) struct WatcherHandle(mpsc::Sender<Change>);

enum Change {
    Begin(Watch),
    /// Answered when nothing of this watch is under way any more.
    End(WatchKey, oneshot::Sender<()>),
}

impl WatcherHandle {
    /// The patrol of `watch` begins soon.
    pub(crate) async fn begin(&self, watch: Watch) {
        // A watcher that has stopped needs no patrol.
        let _ = self.0.send(Change::Begin(watch)).await;
    }

    /// Returns when the patrol has ended.
    pub(crate) async fn end(&self, key: WatchKey) {
        let (sender, ended) = oneshot::channel();
        let _ = self.0.send(Change::End(key, sender)).await;
        let _ = ended.await;
    }
}

impl Watcher {
    pub(crate) fn new(
        roster: Roster,
        registries: Arc<Registries>,
        surroundings: Surroundings,
    ) -> (Self, WatcherHandle) {
        let (sender, changes) = mpsc::channel(CHANGES_MAX);
        let patrols = JoinSet::new();
        let watcher = Self { roster, registries, surroundings, changes, running: HashMap::new(), patrols };
        (watcher, WatcherHandle(sender))
    }

    /// Watches until `stop` says so. Nothing is lost by stopping: a listing that is given up is made again.
    ///
    /// # Panics
    /// When a patrol panics, so that the process ends and does not go on half blind.
    pub(crate) async fn run(mut self, configured: Vec<Watch>, stop: CancellationToken) {
        let every = format_span(self.surroundings.repo_watcher);
        info!(watches = configured.len(), "watching what is configured, every {every}");
        self.begin_all(configured, &stop);
        let mut is_complete = false;
        let gate = self.surroundings.gate.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = gate.opened(), if !is_complete => {
                    is_complete = self.begin_kept(&stop).await;
                }
                Some(change) = self.changes.recv() => match change {
                    Change::Begin(watch) => self.begin(watch, Duration::ZERO, &stop),
                    Change::End(key, ended) => {
                        self.end(&key).await;
                        // Whoever asked may be gone.
                        let _ = ended.send(());
                    }
                },
                Some(ended) = self.patrols.join_next() => pass_panic_on(ended),
            }
        }
        while let Some(ended) = self.patrols.join_next().await {
            pass_panic_on(ended);
        }
    }

    /// Those that were added at run time, by this process or an earlier one. Returns whether they are known now.
    async fn begin_kept(&mut self, stop: &CancellationToken) -> bool {
        let Some(tables) = self.surroundings.gate.tables() else { return false };
        match tables.watches().await {
            Ok(kept) => {
                self.begin_all(kept.into_iter().map(|known| known.watch).collect(), stop);
                true
            }
            Err(error) => {
                self.surroundings.gate.fails(&error);
                // Whoever stops it meanwhile is heard a little later.
                tokio::time::sleep(Duration::from_secs(1)).await;
                false
            }
        }
    }

    fn begin_all(&mut self, watches: Vec<Watch>, stop: &CancellationToken) {
        let count = u32::try_from(watches.len()).unwrap_or(u32::MAX);
        let spread = START_SPREAD_PER_WATCH.saturating_mul(count).min(self.surroundings.repo_watcher);
        for watch in watches {
            self.begin(watch, spread.mul_f64(random_fraction()), stop);
        }
    }

    fn begin(&mut self, watch: Watch, delay: Duration, stop: &CancellationToken) {
        let key = watch.key.clone();
        if self.running.get(&key).is_some_and(|running| !running.handle.is_finished()) {
            return;
        }
        let registry = match self.registries.get(key.repository.registry()) {
            Ok(registry) => registry,
            Err(error) => return error!(watch = %key, error = %error, "cannot watch: the HTTP client cannot be made"),
        };
        let stop = stop.child_token();
        let span = info_span!("watch", repository = %key);
        let patrol = Patrol::new(self.roster.put(watch), registry, self.surroundings.clone());
        let handle = self.patrols.spawn(patrol.run(delay, stop.clone()).instrument(span));
        self.running.insert(key, Running { stop, handle });
        self.count();
    }

    async fn end(&mut self, key: &WatchKey) {
        let Some(running) = self.running.remove(key) else { return };
        running.stop.cancel();
        while !running.handle.is_finished() {
            let Some(ended) = self.patrols.join_next().await else { break };
            pass_panic_on(ended);
        }
        self.roster.remove(key);
        self.count();
    }

    fn count(&self) {
        self.surroundings.metrics.watches.set(i64::try_from(self.roster.len()).unwrap_or(i64::MAX));
    }
}

fn pass_panic_on(ended: Result<(), tokio::task::JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}

//! The service: one watch per repository.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use emitter::Emitter;
use event::Clock;
use oci_registry::{Registry, RegistryName, Session, random_fraction};
use outbound::ClientError;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::recurrence::Recurrence;
use crate::watch::{Surroundings, Watch};
use crate::{Config, Metrics, RepositoryConfig, StatusBoard};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "catalog";

/// Most listings at the same time.
pub const LISTINGS_AT_ONCE_MAX: usize = 16;

/// The first listings are spread over this time for each repository, and over one cycle at most: a restart must not
/// ask everything of everybody at once, and a single repository must not keep its reader waiting.
const START_SPREAD_PER_REPOSITORY: Duration = Duration::from_millis(250);

pub struct Catalog {
    interval: Duration,
    watches: Vec<Watch>,
    board: StatusBoard,
}

impl Catalog {
    /// # Errors
    /// An HTTP client cannot be made.
    pub fn new(config: Config, emitter: Emitter, clock: Arc<dyn Clock>, metrics: Metrics) -> Result<Self, ClientError> {
        for warning in config.warnings() {
            warn!("{warning}");
        }
        let mut registries: BTreeMap<RegistryName, Arc<Registry>> = BTreeMap::new();
        for name in config.repositories.iter().map(|repository| repository.name().registry()) {
            if !registries.contains_key(name) {
                let registry =
                    Registry::new(name.clone(), config.registry(name), config.request_timeout, Arc::clone(&clock))?;
                registries.insert(name.clone(), Arc::new(registry));
            }
        }
        let board = StatusBoard::new(&config.repositories);
        let turns = Arc::new(Semaphore::new(LISTINGS_AT_ONCE_MAX));
        let surroundings = Surroundings { emitter, clock, metrics, board: board.clone(), turns };
        let watch = |(index, repository): (usize, RepositoryConfig)| Watch {
            session: Session::new(Arc::clone(&registries[repository.name().registry()]), repository.repository),
            account: repository.account,
            index,
            recurrence: Recurrence::new(config.reminder_interval),
            surroundings: surroundings.clone(),
        };
        let watches = config.repositories.into_iter().enumerate().map(watch).collect();
        Ok(Self { interval: config.repo_watcher, watches, board })
    }

    /// How each repository is doing; goes on showing it while the catalog runs.
    pub fn status(&self) -> StatusBoard {
        self.board.clone()
    }

    /// Watches until `stop` says so. Nothing is lost by stopping: a listing that is given up is made again.
    ///
    /// # Panics
    /// When a watch panics, so that the process ends and does not go on half blind.
    pub async fn run(self, stop: CancellationToken) {
        let repositories = self.watches.len();
        info!(repositories, interval_s = self.interval.as_secs(), "watching {repositories} repositories");
        let count = u32::try_from(repositories).unwrap_or(u32::MAX);
        let spread = START_SPREAD_PER_REPOSITORY.saturating_mul(count).min(self.interval);
        let mut tasks = JoinSet::new();
        for watch in self.watches {
            let span = info_span!("watch", repository = %watch.session.repository.name);
            let delay = spread.mul_f64(random_fraction());
            tasks.spawn(watch.run(delay, self.interval, stop.clone()).instrument(span));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                std::panic::resume_unwind(panic);
            }
        }
        // With nothing to watch there is still a service, which ends when it is told to.
        stop.cancelled().await;
    }
}

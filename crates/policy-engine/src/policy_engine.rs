//! The service as a whole: bind, run, drain.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use accounts::{Accounts, Authenticated};
use database::{Database, DatabaseError};
use emitter::Emitter;
use event::Clock;
use outbound::ClientError;
use proto::policy_engine::v1::feed_service_server::{FeedServiceServer, SERVICE_NAME};
use service::door::{DoorError, TlsConfig};
use service::gate::Gate;
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::{Latch, Readiness};
use service::retry::Waits;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::ledger::{Ledger, LedgerError};
use crate::progress::Board;
use crate::schedule::{Order, Schedule};
use crate::source::{Source, secrets_of};
use crate::syncer::Syncer;
use crate::teller::Teller;
use crate::{Config, FeedName, Metrics, Migrator, grpc};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "policy-engine";

/// The condition of the service's readiness. Feeds that fail are told about, and are no reason to restart anything.
pub(crate) const DATABASE: &str = "database";

/// Orders that wait for their turn; of more, the senders wait.
const ORDERS_WAITING_MAX: usize = 16;

/// What the policy-engine stands on.
pub struct Ground {
    pub database: Database,
    pub emitter: Emitter,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub readiness: Readiness,
    /// Where downloads lie while they are read; made when it is needed.
    pub spool_directory: PathBuf,
    /// As people know this machine.
    pub host_id: String,
}

/// Why the policy-engine cannot do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum PolicyEngineError {
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The policy-engine, holding its port.
pub struct PolicyEngine {
    database: Database,
    door: GrpcDoor,
    latch: Latch,
    /// The ledger inside is the syncer's.
    gate: Gate<()>,
    syncer: Arc<Syncer>,
    orders: mpsc::Receiver<Order>,
    teller: Teller,
}

impl PolicyEngine {
    /// Takes the port. Nothing else needs to be there yet.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: Config,
        tls: Option<&TlsConfig>,
        ground: Ground,
        metrics: Metrics,
    ) -> Result<Self, PolicyEngineError> {
        let Ground { database, emitter, clock, accounts, readiness, spool_directory, host_id } = ground;
        for warning in config.warnings() {
            warn!("{warning}");
        }
        let latch = readiness.service(SERVICE, &[DATABASE]);
        let gate = Gate::new(readiness.clone(), SERVICE);
        let ledger = Ledger::new(database.clone(), host_id);
        let told = Arc::new(Notify::new());
        let (address, feeds) = (config.address, config.feeds.clone());
        let secrets = Arc::new(secrets_of(&feeds));
        let sources = feeds.into_iter().map(|feed| {
            let name = feed.name.clone();
            let source = Source::new(feed, &config.limits, Arc::clone(&secrets), Arc::clone(&clock));
            source.map(|source| (name, source))
        });
        let sources: BTreeMap<FeedName, Source> = sources.collect::<Result<_, _>>()?;
        let teller = Teller { ledger: ledger.clone(), emitter, clock: Arc::clone(&clock), woken: Arc::clone(&told) };
        let syncer = Arc::new(Syncer {
            config,
            sources,
            ledger,
            clock,
            metrics,
            board: Board::default(),
            latch: latch.clone(),
            spool_directory,
            told,
        });
        let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
        let service = grpc::Service { gate: gate.clone(), syncer: Arc::clone(&syncer), orders: sender };
        let mut server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        server.routes().add_service(Authenticated::new(FeedServiceServer::new(service), accounts));
        server.follow(SERVICE_NAME, SERVICE);
        let door = GrpcDoor::open(address, tls, server, readiness).await?;
        Ok(Self { database, door, latch, gate, syncer, orders, teller })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Until told to stop; a sync that is under way then is broken off. `migrate`: brings its tables up to date first.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, migrate: bool, stop: CancellationToken) -> Result<(), PolicyEngineError> {
        let Self { database, door, latch, gate, syncer, orders, teller } = self;
        // A failure of one part stops the others.
        let stop = stop.child_token();
        let _stopped = stop.clone().drop_guard();
        let work = async {
            prepare(&database, migrate, &latch, &stop).await?;
            configure(&syncer, &latch, &stop).await?;
            if stop.is_cancelled() {
                return Ok(());
            }
            gate.open(());
            let cycle = service::config::format_span(syncer.config.feed_sync);
            info!(feeds = syncer.sources.len(), "syncing feeds every {cycle}");
            // The schedule ends last of what writes; the teller tells what that has left.
            let ended = CancellationToken::new();
            let schedule = async {
                Schedule { syncer, orders }.run(stop.clone()).await;
                ended.cancel();
            };
            tokio::join!(schedule, teller.run(ended.clone()));
            Ok(())
        };
        let work = async {
            let result = Box::pin(work).await;
            stop.cancel();
            result
        };
        let (result, ()) = tokio::join!(work, door.serve(stop.clone()));
        result
    }
}

/// Makes the tables, however long the database is away.
///
/// # Errors
/// What can never work: a schema of a newer release, or tables that were tampered with.
async fn prepare(
    database: &Database,
    migrate: bool,
    latch: &Latch,
    stop: &CancellationToken,
) -> Result<(), DatabaseError> {
    let mut waits = Waits::default();
    loop {
        match database.prepare::<Migrator>(migrate).await {
            Ok(()) => {
                info!("the policy-engine's tables are ready");
                return Ok(());
            }
            Err(error) if error.is_transient() => latch.fails(DATABASE, error.chain()),
            Err(error) => return Err(error),
        }
        if waits.pause(stop).await {
            return Ok(());
        }
    }
}

/// Makes a row for each group, however long the database is away.
async fn configure(syncer: &Syncer, latch: &Latch, stop: &CancellationToken) -> Result<(), DatabaseError> {
    let sources = syncer.config.feeds.iter().flat_map(|feed| {
        let source = format!("{} {}", feed.kind, feed.url.place());
        feed.group_ids().map(move |id| (id, source.clone()))
    });
    let groups: Vec<_> = sources.collect();
    let mut waits = Waits::default();
    while !stop.is_cancelled() {
        match syncer.ledger.configure(&groups, syncer.clock.now()).await {
            Ok(states) => {
                for state in states {
                    syncer.metrics.show(&state.id, state.records, state.synced_at);
                }
                latch.holds(DATABASE);
                return Ok(());
            }
            Err(LedgerError::Database(error)) if !error.is_transient() => return Err(error),
            Err(error) => latch.fails(DATABASE, error.chain()),
        }
        waits.pause(stop).await;
    }
    Ok(())
}

//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::{Accounts, Authenticated};
use bus::{AnalysisJobPublisher, Bus};
use database::{Database, DatabaseError};
use emitter::Emitter;
use event::Clock;
use proto::catalog::v1::repository_service_server::{RepositoryServiceServer, SERVICE_NAME};
use service::door::{DoorError, TlsConfig};
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::Readiness;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::gate::Gate;
use crate::grpc;
use crate::notification_door::{self, NotificationDoor};
use crate::patrol::Surroundings;
use crate::registries::Registries;
use crate::roster::Roster;
use crate::tables::Tables;
use crate::teller::Teller;
use crate::watcher::Watcher;
use crate::{Config, Metrics, Migrator};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "catalog";

/// Most listings at the same time.
pub const LISTINGS_AT_ONCE_MAX: usize = 16;

/// What the catalog stands on.
pub struct Ground {
    /// Where it keeps what it watches and has seen.
    pub database: Database,
    /// Where it leaves jobs: a log on this machine, like that of the emitter.
    pub log: Arc<dyn Bus>,
    pub emitter: Emitter,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub readiness: Readiness,
}

/// Why the catalog cannot do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The catalog, holding its port.
pub struct Catalog {
    config: Config,
    database: Database,
    clock: Arc<dyn Clock>,
    door: GrpcDoor,
    gate: Gate,
    watcher: Watcher,
    teller: Teller,
    roster: Roster,
}

impl Catalog {
    /// Takes the port. Nothing else needs to be there yet.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: Config,
        tls: Option<&TlsConfig>,
        ground: Ground,
        metrics: Metrics,
    ) -> Result<Self, CatalogError> {
        let Ground { database, log, emitter, clock, accounts, readiness } = ground;
        let gate = Gate::new(readiness.clone());
        let roster = Roster::default();
        let registries =
            Arc::new(Registries::new(config.registries.clone(), config.request_timeout, Arc::clone(&clock)));
        let surroundings =
            Surroundings::new(&config, emitter.clone(), Arc::clone(&clock), metrics.clone(), gate.clone());
        let jobs = AnalysisJobPublisher::new(log);
        let teller = Teller { gate: gate.clone(), emitter, jobs, wake: Arc::clone(&surroundings.tell) };
        let (watcher, handle) = Watcher::new(roster.clone(), Arc::clone(&registries), surroundings);

        let service = grpc::Service {
            gate: gate.clone(),
            roster: roster.clone(),
            watcher: handle,
            registries,
            clock: Arc::clone(&clock),
        };
        let mut server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        server.routes().add_service(Authenticated::new(RepositoryServiceServer::new(service), accounts.clone()));
        server.follow(SERVICE_NAME, SERVICE);
        let notifications =
            NotificationDoor { roster: roster.clone(), accounts, token: config.notification_token.clone(), metrics };
        server.also(notification_door::router(notifications));
        let door = GrpcDoor::open(config.address, tls, server, readiness).await?;
        Ok(Self { config, database, clock, door, gate, watcher, teller, roster })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// How each watch is doing; goes on showing it while the catalog runs.
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }

    /// Until told to stop. `migrate`: brings its tables up to date first. Watches whether its database is there or not.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, migrate: bool, stop: CancellationToken) -> Result<(), CatalogError> {
        let Self { config, database, clock, door, gate, watcher, teller, roster: _ } = self;
        for warning in config.warnings() {
            warn!("{warning}");
        }
        let stop = stop.child_token();
        let _stopped = stop.clone().drop_guard();
        let configured = config.watches();
        let preparing = async {
            let tables = Tables::new(database.clone());
            let prepared = prepare(&database, &tables, &config, migrate, &*clock, &gate, &stop).await;
            match prepared {
                Ok(true) => gate.open(tables),
                Ok(false) => {}
                // A schema that does not fit ends the others, too.
                Err(_) => stop.cancel(),
            }
            prepared.map(drop)
        };
        let working = async { tokio::join!(watcher.run(configured, stop.clone()), teller.run(stop.clone())) };
        let (prepared, _, ()) = tokio::join!(preparing, working, door.serve(stop.clone()));
        Ok(prepared?)
    }
}

/// Makes the tables and puts the configured watches into them, however long the database is away. Returns whether that
/// was done before it was told to stop.
///
/// # Errors
/// What can never work: a schema of a newer release, or tables that were tampered with.
async fn prepare(
    database: &Database,
    tables: &Tables,
    config: &Config,
    migrate: bool,
    clock: &dyn Clock,
    gate: &Gate,
    stop: &CancellationToken,
) -> Result<bool, DatabaseError> {
    let mut waits = Waits::default();
    loop {
        let prepared = async {
            database.prepare::<Migrator>(migrate).await?;
            tables.reconcile(&config.watches(), clock.now()).await
        };
        match prepared.await {
            Ok(()) => {
                gate.works();
                info!("the catalog's tables are ready");
                return Ok(true);
            }
            Err(error @ DatabaseError::SchemaTooOld) => gate.waits_for(error.chain()),
            Err(error) if error.is_transient() => gate.fails(&error),
            Err(error) => return Err(error),
        }
        if waits.pause(stop).await {
            return Ok(false);
        }
    }
}

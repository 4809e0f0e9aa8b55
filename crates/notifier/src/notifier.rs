//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::{Accounts, Authenticated};
use bus::{Bus, BusError, Notes};
use database::{Database, DatabaseError};
use emitter::Emitter;
use event::{Clock, Source};
use proto::notifier::v1::notifier_service_server::{NotifierServiceServer, SERVICE_NAME};
use service::door::{DoorError, TlsConfig};
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::{Latch, Readiness};
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tracing::{info, warn};

use crate::deliver::Deliver;
use crate::deliveries::Deliveries;
use crate::dispatch::Dispatch;
use crate::endpoint_table::EndpointTable;
use crate::endpoints::Endpoints;
use crate::grpc::{self, Gate};
use crate::ledger::Ledger;
use crate::patience::{BUS, DATABASE, Patience};
use crate::report::Reporter;
use crate::retention::Retention;
use crate::states::States;
use crate::stored::{Listening, StoredEvents};
use crate::turn::Turn;
use crate::upkeep::Upkeep;
use crate::worker::Workplace;
use crate::{Config, Metrics, Migrator};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "notifier";

/// What the notifier stands on.
pub struct Ground {
    pub database: Database,
    /// What it reads.
    pub bus: Arc<dyn Bus>,
    /// Where is told, and heard, what was taken over from the bus for good.
    pub notes: Arc<dyn Notes>,
    pub emitter: Emitter,
    /// Who emits, as test events name it.
    pub source: Source,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub readiness: Readiness,
}

/// Why the notifier cannot do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// The notifier, holding its port.
pub struct Notifier {
    config: Config,
    ground: Ground,
    door: GrpcDoor,
    latch: Latch,
    service: grpc::Service,
    metrics: Metrics,
}

impl Notifier {
    /// Takes the port. Neither the database nor the bus needs to be there yet.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: Config,
        tls: Option<&TlsConfig>,
        ground: Ground,
        metrics: Metrics,
    ) -> Result<Self, NotifierError> {
        let latch = ground.readiness.service(SERVICE, &[BUS, DATABASE]);
        let database = &ground.database;
        let service = grpc::Service {
            endpoints: Endpoints::new(config.endpoints.clone(), EndpointTable::new(database.clone())),
            deliveries: Deliveries::new(database.clone()),
            states: States::new(database.clone()),
            ledger: Ledger::new(database.clone(), Reporter::new(ground.emitter.clone())),
            vetting: crate::send::vetting(config.networks.clone()),
            clock: Arc::clone(&ground.clock),
            source: ground.source.clone(),
            notices: config.notices.clone().into(),
            kept: config.kept,
            due: Arc::new(Notify::new()),
            gate: Gate::new(ground.readiness.clone()),
        };
        let answering = NotifierServiceServer::new(service.clone()).accept_compressed(CompressionEncoding::Gzip);
        let mut server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        server.routes().add_service(Authenticated::new(answering, ground.accounts.clone()));
        server.follow(SERVICE_NAME, SERVICE);
        let door = GrpcDoor::open(config.address, tls, server, ground.readiness.clone()).await?;
        Ok(Self { config, ground, door, latch, service, metrics })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Until told to stop; finishes the requests, the batch and the attempts in hand. `migrate`: brings its tables up to
    /// date first.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, migrate: bool, stop: CancellationToken) -> Result<(), NotifierError> {
        let Self { config, ground, door, latch, service, metrics } = self;
        for notice in &config.notices {
            warn!("{notice}");
        }
        // A failure of one part stops the others.
        let stop = stop.child_token();
        let work = async {
            let result = Box::pin(work(&config, &ground, &latch, &service, metrics, migrate, &stop)).await;
            stop.cancel();
            result
        };
        let (result, ()) = tokio::join!(work, door.serve(stop.clone()));
        result
    }
}

async fn work(
    config: &Config,
    ground: &Ground,
    latch: &Latch,
    service: &grpc::Service,
    metrics: Metrics,
    migrate: bool,
    stop: &CancellationToken,
) -> Result<(), NotifierError> {
    prepare(&ground.database, migrate, latch, stop).await?;
    service.gate.open();
    let grpc::Service { endpoints, deliveries, states, ledger, vetting, clock, due, .. } = service.clone();
    let patience = Patience { latch: latch.clone(), stop: stop.clone() };
    // Whatever is dispatched finds how its endpoint is doing.
    let settled = patience.wait_for("the endpoints", async || {
        for endpoint in &endpoints.refresh(clock.now()).await?.all {
            states.settle(&endpoint.key, &endpoint.target, clock.now()).await?;
        }
        Ok(())
    });
    if settled.await.is_none() {
        return Ok(());
    }
    let stored = StoredEvents::default();
    let listening = Listening {
        stored: stored.clone(),
        notes: Arc::clone(&ground.notes),
        deliveries: deliveries.clone(),
        clock: Arc::clone(&clock),
        due: Arc::clone(&due),
    };
    let dispatch = Dispatch {
        bus: Arc::clone(&ground.bus),
        turn: Turn::new(ground.database.clone()),
        deliveries: deliveries.clone(),
        endpoints: endpoints.clone(),
        ledger: ledger.clone(),
        stored,
        clock: Arc::clone(&clock),
        patience: patience.clone(),
        metrics: metrics.clone(),
        due: Arc::clone(&due),
    };
    let retention = Retention { deliveries: deliveries.clone(), clock: Arc::clone(&clock), kept: config.kept };
    let upkeep = Upkeep {
        endpoints: endpoints.clone(),
        deliveries: deliveries.clone(),
        states: states.clone(),
        ledger: ledger.clone(),
        clock: Arc::clone(&clock),
        patience: patience.clone(),
        metrics: metrics.clone(),
    };
    let workplace = Workplace { deliveries, states, ledger, clock: Arc::clone(&clock), metrics };
    let deliver = Deliver { endpoints, workplace, vetting, clock, patience, due };
    let (dispatched, (), (), (), ()) = tokio::join!(
        async {
            let result = dispatch.run(stop.clone()).await;
            stop.cancel();
            result
        },
        deliver.run(stop.clone()),
        listening.run(stop.clone()),
        retention.run(stop.clone()),
        upkeep.run(stop.clone()),
    );
    Ok(dispatched?)
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
                latch.holds(DATABASE);
                info!("the notifier's tables are ready");
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

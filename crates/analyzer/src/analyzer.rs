//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, Authenticated};
use bus::{Bus, BusError, Notes};
use database::{Database, DatabaseError};
use emitter::Emitter;
use event::Clock;
use proto::analyzer::v1::image_service_server::{ImageServiceServer, SERVICE_NAME};
use service::door::{DoorError, TlsConfig};
use service::gate::Gate;
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::{Latch, Readiness};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;

use crate::images::Images;
use crate::intake::Intake;
use crate::patience::{BUS, DATABASE, prepare};
use crate::teller::Teller;
use crate::worker::Worker;
use crate::{Config, Metrics, Registries, grpc};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "analyzer";

/// How often the database is looked after while nothing asks for it.
const CHECK_CYCLE: Duration = Duration::from_secs(5);

/// What the analyzer stands on.
pub struct Ground {
    pub database: Database,
    /// What it reads.
    pub bus: Arc<dyn Bus>,
    /// Where is told, and heard, what was taken over from the bus for good.
    pub notes: Arc<dyn Notes>,
    pub emitter: Emitter,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub readiness: Readiness,
}

/// Why the analyzer cannot do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// The analyzer, holding its port.
pub struct Analyzer {
    config: Config,
    registries: Arc<Registries>,
    ground: Ground,
    door: GrpcDoor,
    gate: Gate<Images>,
    latch: Latch,
    metrics: Metrics,
    news: Arc<Notify>,
}

impl Analyzer {
    /// Takes the port. Nothing else needs to be there yet.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: Config,
        registries: Registries,
        tls: Option<&TlsConfig>,
        ground: Ground,
        metrics: Metrics,
    ) -> Result<Self, AnalyzerError> {
        let latch = ground.readiness.service(SERVICE, &[BUS, DATABASE]);
        let gate = Gate::new(ground.readiness.clone(), SERVICE);
        let news = Arc::new(Notify::new());
        let service = grpc::Service { gate: gate.clone(), clock: Arc::clone(&ground.clock), news: Arc::clone(&news) };
        let service = ImageServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
        let mut server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        server.routes().add_service(Authenticated::new(service, ground.accounts.clone()));
        server.follow(SERVICE_NAME, SERVICE);
        let door = GrpcDoor::open(config.address, tls, server, ground.readiness.clone()).await?;
        Ok(Self { config, registries: Arc::new(registries), ground, door, gate, latch, metrics, news })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Until told to stop; what is in work then is given back. `migrate`: brings its tables up to date first.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, migrate: bool, stop: CancellationToken) -> Result<(), AnalyzerError> {
        let Self { config, registries, ground, door, gate, latch, metrics, news } = self;
        // A failure of one part stops the others.
        let stop = stop.child_token();
        let _stopped = stop.clone().drop_guard();
        let images = Images::new(ground.database.clone());
        let worker = Worker {
            images: images.clone(),
            registries,
            platform: config.platform,
            bounds: config.bounds,
            lease: config.lease,
            clock: Arc::clone(&ground.clock),
            latch: latch.clone(),
            metrics: metrics.clone(),
            news: Arc::clone(&news),
        };
        let teller =
            Teller { images: images.clone(), emitter: ground.emitter, latch: latch.clone(), news: Arc::clone(&news) };
        let intake = Intake {
            images: images.clone(),
            bus: ground.bus,
            notes: ground.notes,
            clock: ground.clock,
            latch: latch.clone(),
            metrics,
            news,
        };
        let work = async {
            let parts = async {
                prepare(&ground.database, migrate, &latch, &stop).await?;
                gate.open(images);
                let workers = work(&worker, config.jobs_max, &stop);
                let taking_in = async {
                    let result = intake.run(stop.clone()).await;
                    stop.cancel();
                    result
                };
                let watch = watch_database(&ground.database, &latch, &stop);
                let (taken_in, (), (), ()) = tokio::join!(taking_in, teller.run(stop.clone()), workers, watch);
                taken_in.map_err(AnalyzerError::from)
            };
            let result = Box::pin(parts).await;
            stop.cancel();
            result
        };
        let (result, ()) = tokio::join!(work, door.serve(stop.clone()));
        result
    }
}

/// Runs as many workers as there may be jobs.
///
/// # Panics
/// When one of them panics, so that the process ends and does not go on half idle.
async fn work(worker: &Worker, jobs_max: usize, stop: &CancellationToken) {
    let mut workers = JoinSet::new();
    for _ in 0..jobs_max {
        workers.spawn(worker.clone().run(stop.clone()));
    }
    while let Some(ended) = workers.join_next().await {
        if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
            std::panic::resume_unwind(panic);
        }
    }
}

async fn watch_database(database: &Database, latch: &Latch, stop: &CancellationToken) {
    while tokio::time::timeout(CHECK_CYCLE, stop.cancelled()).await.is_err() {
        match database.check().await {
            Ok(()) => latch.holds(DATABASE),
            Err(error) => latch.fails(DATABASE, error.chain()),
        }
    }
}

//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, Authenticated};
use bus::{Bus, EventPublisher, Notes};
use database::{Database, DatabaseError};
use emitter::Emitter;
use event::{Clock, Source};
use proto::events::v1::event_service_server::{EventServiceServer, SERVICE_NAME};
use service::door::TlsConfig;
use service::gate::Gate;
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::{Latch, Readiness};
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tracing::info;

use crate::answering::Answering;
use crate::ingest::{BUS, DATABASE, Ingest};
use crate::metrics::Metrics;
use crate::put_aside::PutAside;
use crate::retention::Retention;
use crate::{Config, DeadLetters, EventsTable, Migrator, StoreError, grpc};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "events-store";

/// How often the database is looked after while nothing asks for it.
const CHECK_CYCLE: Duration = Duration::from_secs(5);

/// What the store stands on.
pub struct Ground {
    pub database: Database,
    /// What the store reads.
    pub bus: Arc<dyn Bus>,
    /// Where outboxes and the notifier wait to hear what is stored.
    pub notes: Arc<dyn Notes>,
    /// Where it publishes what it is handed, and events of its own: a log on this machine.
    pub log: Arc<dyn Bus>,
    /// Who emits the store's own events.
    pub source: Source,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub readiness: Readiness,
}

/// The store, holding its port.
pub struct EventsStore {
    config: Config,
    ground: Ground,
    door: GrpcDoor,
    latch: Latch,
    gate: Gate<EventsTable>,
    metrics: Metrics,
}

impl EventsStore {
    /// Takes the port. Neither the database nor the bus needs to be there yet.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: Config,
        tls: Option<&TlsConfig>,
        ground: Ground,
        metrics: Metrics,
    ) -> Result<Self, StoreError> {
        let latch = ground.readiness.service(SERVICE, &[BUS, DATABASE]);
        let gate = Gate::new(ground.readiness.clone(), SERVICE);
        let service = grpc::Service {
            gate: gate.clone(),
            publisher: EventPublisher::new(Arc::clone(&ground.log)),
            clock: Arc::clone(&ground.clock),
            metrics: metrics.clone(),
        };
        let service = EventServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
        let mut server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        server.routes().add_service(Authenticated::new(service, ground.accounts.clone()));
        server.follow(SERVICE_NAME, SERVICE);
        let door = GrpcDoor::open(config.address, tls, server, ground.readiness.clone()).await?;
        Ok(Self { config, ground, door, latch, gate, metrics })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Until told to stop; finishes the requests and the batch in hand.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, migrate: bool, stop: CancellationToken) -> Result<(), StoreError> {
        let Self { config, ground, door, latch, gate, metrics } = self;
        // A failure of one part stops the others.
        let stop = stop.child_token();
        let _stopped = stop.clone().drop_guard();
        let table = EventsTable::new(ground.database.clone());
        let work = async {
            prepare(&ground.database, migrate, &latch, &stop).await?;
            gate.open(table.clone());
            let clock = Arc::clone(&ground.clock);
            let retention =
                Retention { table: table.clone(), clock, metrics: metrics.clone(), age_max: config.retention };
            let emitter = Emitter::new(EventPublisher::new(ground.log), Arc::clone(&ground.clock), ground.source);
            let letters = DeadLetters::new(ground.database.clone());
            let ingest = Ingest {
                table,
                put_aside: PutAside { letters, emitter, metrics: metrics.clone() },
                bus: ground.bus,
                notes: ground.notes,
                clock: ground.clock,
                latch: latch.clone(),
                metrics,
                batch_events_max: config.batch_events_max,
            };
            let answering = Answering {
                table: ingest.table.clone(),
                letters: ingest.put_aside.letters.clone(),
                notes: Arc::clone(&ingest.notes),
                clock: Arc::clone(&ingest.clock),
            };
            let watch = watch_database(&ground.database, &latch, stop.clone());
            let (ingested, (), (), ()) = tokio::join!(
                async {
                    let result = ingest.run(stop.clone()).await;
                    stop.cancel();
                    result
                },
                retention.run(stop.clone()),
                answering.run(stop.clone()),
                watch
            );
            ingested.map_err(StoreError::from)
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
                latch.holds(DATABASE);
                info!("the events-store's tables are ready");
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

async fn watch_database(database: &Database, latch: &Latch, stop: CancellationToken) {
    while tokio::time::timeout(CHECK_CYCLE, stop.cancelled()).await.is_err() {
        match database.check().await {
            Ok(()) => latch.holds(DATABASE),
            Err(error) => latch.fails(DATABASE, error.chain()),
        }
    }
}

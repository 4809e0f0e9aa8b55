//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::Accounts;
use bus::{Bus, Notes};
use database::Database;
use emitter::Emitter;
use event::Clock;
use service::door::{DoorError, TlsConfig};
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::Readiness;
use tokio_util::sync::CancellationToken;

use crate::{Config, Metrics};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "analyzer";

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
}

/// The analyzer, holding its port.
pub struct Analyzer {
    door: GrpcDoor,
}

impl Analyzer {
    /// Takes the port. Nothing else needs to be there yet.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: Config,
        tls: Option<&TlsConfig>,
        ground: Ground,
        _metrics: Metrics,
    ) -> Result<Self, AnalyzerError> {
        ground.readiness.service(SERVICE, &[]);
        let server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        let door = GrpcDoor::open(config.address, tls, server, ground.readiness.clone()).await?;
        Ok(Self { door })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Until told to stop. `migrate`: brings its tables up to date first.
    ///
    /// # Errors
    /// What can never work without a change of the configuration.
    pub async fn run(self, _migrate: bool, stop: CancellationToken) -> Result<(), AnalyzerError> {
        self.door.serve(stop).await;
        Ok(())
    }
}

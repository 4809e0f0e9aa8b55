//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use accounts::Accounts;

use database::Database;
use emitter::Emitter;
use event::Clock;
use service::door::{DoorError, TlsConfig};
use service::grpc::{GrpcDoor, GrpcServer};
use service::readiness::Readiness;
use tokio_util::sync::CancellationToken;

use crate::{Config, Metrics};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "policy-engine";

/// What the policy-engine stands on.
pub struct Ground {
    pub database: Database,
    pub emitter: Emitter,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    pub readiness: Readiness,
}

/// Why the policy-engine cannot do its work at all.
#[derive(Debug, thiserror::Error)]
pub enum PolicyEngineError {
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// The policy-engine, holding its port.
pub struct PolicyEngine {
    door: GrpcDoor,
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
        _metrics: Metrics,
    ) -> Result<Self, PolicyEngineError> {
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
    pub async fn run(self, _migrate: bool, stop: CancellationToken) -> Result<(), PolicyEngineError> {
        self.door.serve(stop).await;
        Ok(())
    }
}

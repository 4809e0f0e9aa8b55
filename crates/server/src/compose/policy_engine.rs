//! The policy-engine.

use anyhow::anyhow;
use policy_engine::{Metrics, PolicyEngine, PolicyEngineError};

use super::{Bound, at, chain};
use crate::config::Config;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::PolicyEngine;
/// Below the data directory: where downloads lie while they are read.
const SPOOL_DIRECTORY: &str = "feeds";

pub async fn bind(config: &Config, ground: &Ground) -> anyhow::Result<Bound> {
    let stands_on = policy_engine::Ground {
        database: ground.database.clone(),
        emitter: ground.emitter(SERVICE)?,
        clock: ground.clock.clone(),
        accounts: ground.accounts.clone(),
        readiness: ground.readiness.clone(),
        spool_directory: config.data_dir.join(SPOOL_DIRECTORY),
        host_id: config.host_id.clone(),
    };
    let metrics = ground.register(Metrics::register);
    let bound = PolicyEngine::bind(config.policy_engine.clone(), config.tls.as_ref(), stands_on, metrics).await;
    let policy_engine = bound.map_err(|error| match error {
        PolicyEngineError::Door(error) => at(&SERVICE.section(), &error),
        other => anyhow!(chain(&other)),
    })?;
    let migrate = config.migrate;
    Ok(Bound::new(SERVICE, policy_engine.address(), move |stop| async move {
        policy_engine.run(migrate, stop).await.map_err(|error| anyhow!(chain(&error)))
    }))
}

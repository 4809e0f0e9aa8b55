//! The analyzer.

use analyzer::{Analyzer, AnalyzerError, Metrics, Registries};
use anyhow::anyhow;

use super::{Bound, at, chain};
use crate::config::Config;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::Analyzer;

pub async fn bind(config: &Config, ground: &Ground) -> anyhow::Result<Bound> {
    let buses = ground.buses()?;
    let stands_on = analyzer::Ground {
        database: ground.database.clone(),
        bus: buses.bus.clone(),
        notes: buses.notes.clone(),
        emitter: ground.emitter(SERVICE)?,
        clock: ground.clock.clone(),
        accounts: ground.accounts.clone(),
        readiness: ground.readiness.clone(),
    };
    let metrics = ground.register(Metrics::register);
    let entries = config.catalog.registries.clone();
    let registries = Registries::new(entries, config.catalog.request_timeout, ground.clock.clone());
    let bound = Analyzer::bind(config.analyzer.clone(), registries, config.tls.as_ref(), stands_on, metrics).await;
    let analyzer = bound.map_err(|error| match error {
        AnalyzerError::Door(error) => at(&SERVICE.section(), &error),
        other => anyhow!(chain(&other)),
    })?;
    let migrate = config.migrate;
    Ok(Bound::new(SERVICE, analyzer.address(), move |stop| async move {
        Box::pin(analyzer.run(migrate, stop)).await.map_err(|error| anyhow!(chain(&error)))
    }))
}

//! The catalog.

use anyhow::anyhow;
use catalog::{Catalog, CatalogError, Metrics};

use super::{Bound, at, chain};
use crate::config::Config;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::Catalog;

pub async fn bind(config: &Config, ground: &Ground) -> anyhow::Result<Bound> {
    let stands_on = catalog::Ground {
        database: ground.database.clone(),
        log: ground.buses()?.log.clone(),
        emitter: ground.emitter(SERVICE)?,
        clock: ground.clock.clone(),
        accounts: ground.accounts.clone(),
        readiness: ground.readiness.clone(),
    };
    let metrics = ground.register(Metrics::register);
    let bound = Catalog::bind(config.catalog.clone(), config.tls.as_ref(), stands_on, metrics).await;
    let catalog = bound.map_err(|error| match error {
        CatalogError::Door(error) => at(&SERVICE.section(), &error),
        CatalogError::Database(error) => anyhow!(chain(&error)),
    })?;
    let migrate = config.migrate;
    Ok(Bound::new(SERVICE, catalog.address(), move |stop| async move {
        Box::pin(catalog.run(migrate, stop)).await.map_err(|error| anyhow!(chain(&error)))
    }))
}

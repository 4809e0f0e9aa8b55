//! The store.

use anyhow::anyhow;
use events_store::{EventsStore, Metrics, StoreError};

use super::{Bound, at, chain};
use crate::config::Config;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::EventsStore;

pub async fn bind(config: &Config, ground: &Ground) -> anyhow::Result<Bound> {
    let buses = ground.buses()?;
    let stands_on = events_store::Ground {
        database: ground.database.clone(),
        bus: buses.bus.clone(),
        notes: buses.notes.clone(),
        log: buses.log.clone(),
        source: ground.source(SERVICE),
        clock: ground.clock.clone(),
        accounts: ground.accounts.clone(),
        readiness: ground.readiness.clone(),
    };
    let metrics = ground.register(Metrics::register);
    let bound = EventsStore::bind(config.events_store.clone(), config.tls.as_ref(), stands_on, metrics).await;
    let store = bound.map_err(|error| match error {
        StoreError::Door(error) => at(&SERVICE.section(), &error),
        other => anyhow!(chain(&other)),
    })?;
    let migrate = config.migrate;
    Ok(Bound::new(SERVICE, store.address(), move |stop| async move {
        Box::pin(store.run(migrate, stop)).await.map_err(|error| anyhow!(chain(&error)))
    }))
}

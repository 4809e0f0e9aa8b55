//! The notifier.

use anyhow::anyhow;
use notifier::{Metrics, Notifier, NotifierError};

use super::{Bound, at, chain};
use crate::config::Config;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::Notifier;

pub async fn bind(config: &Config, ground: &Ground) -> anyhow::Result<Bound> {
    let buses = ground.buses()?;
    let stands_on = notifier::Ground {
        database: ground.database.clone(),
        bus: buses.bus.clone(),
        notes: buses.notes.clone(),
        emitter: ground.emitter(SERVICE)?,
        source: ground.source(SERVICE),
        clock: ground.clock.clone(),
        accounts: ground.accounts.clone(),
        readiness: ground.readiness.clone(),
    };
    let metrics = ground.register(Metrics::register);
    let bound = Notifier::bind(config.notifier.clone(), config.tls.as_ref(), stands_on, metrics).await;
    let notifier = bound.map_err(|error| match error {
        NotifierError::Door(error) => at(&SERVICE.section(), &error),
        other => anyhow!(chain(&other)),
    })?;
    let migrate = config.migrate;
    Ok(Bound::new(SERVICE, notifier.address(), move |stop| async move {
        Box::pin(notifier.run(migrate, stop)).await.map_err(|error| anyhow!(chain(&error)))
    }))
}

//! The catalog.

use catalog::{Catalog, Metrics};
use service::grpc::{GrpcDoor, GrpcServer};

use super::{Bound, at};
use crate::config::Config;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::Catalog;

pub async fn bind(config: &Config, ground: &Ground) -> anyhow::Result<Bound> {
    // It works whatever happens to the others; what it has to say waits in its log.
    ground.readiness.service(SERVICE.as_str(), &[]);
    let server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
    let door = GrpcDoor::open(config.catalog.address, config.tls.as_ref(), server, ground.readiness.clone()).await;
    let door = door.map_err(|error| at(&SERVICE.section(), &error))?;
    let (emitter, metrics) = (ground.emitter(SERVICE)?, ground.register(Metrics::register));
    let catalog = Catalog::new(config.catalog.clone(), emitter, ground.clock.clone(), metrics)?;
    Ok(Bound::new(SERVICE, door.address(), move |stop| async move {
        tokio::join!(catalog.run(stop.clone()), door.serve(stop));
        Ok(())
    }))
}

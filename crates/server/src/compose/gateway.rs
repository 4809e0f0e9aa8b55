//! The gateway, and the services behind it as it sees them.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::Context;
use gateway::{Gateway, GatewayError, Peer};

use super::{Bound, at};
use crate::config::Config;
use crate::first_screen::Doors;
use crate::ground::Ground;
use crate::service_name::ServiceName;

const SERVICE: ServiceName = ServiceName::Gateway;

/// Who answers which gRPC services.
const ANSWERS: [(ServiceName, &[&str]); 5] = [
    (ServiceName::EventsStore, &["events.v1.EventService"]),
    (ServiceName::PolicyEngine, &["policy_engine.v1.FeedService"]),
    (ServiceName::Notifier, &["notifier.v1.NotifierService"]),
    (ServiceName::Catalog, &["catalog.v1.RepositoryService"]),
    (ServiceName::Analyzer, &["analyzer.v1.ImageService"]),
];

pub async fn bind(config: &Config, ground: &Ground, doors: &Doors) -> anyhow::Result<Bound> {
    let peers = ANSWERS.into_iter().map(|(service, answers)| peer(service, answers, config, doors));
    let peers = peers.collect::<Result<Vec<Peer>, _>>()?;
    let bound = Gateway::bind(&config.gateway, config.tls.as_ref(), peers, ground.readiness.clone()).await;
    let gateway = bound.map_err(|GatewayError::Door(error)| at(&SERVICE.section(), &error))?;
    Ok(Bound::new(SERVICE, gateway.address(), move |stop| async move {
        gateway.run(stop).await;
        Ok(())
    }))
}

/// A service as the gateway sees it: where the configuration says, else in this process or on this machine. Without the
/// store there is nothing to show; the others may be away.
fn peer(
    service: ServiceName,
    answers: &'static [&'static str],
    config: &Config,
    doors: &Doors,
) -> anyhow::Result<Peer> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let configured = config.urls.get(&service);
    let own = doors.services.get(&service);
    let address = match (configured, own) {
        (Some(url), _) => url.clone(),
        (None, Some(own)) => format!("{scheme}://{}", reachable(*own)).parse()?,
        (None, None) => format!("{scheme}://{}", SocketAddr::from(config.address(service))).parse()?,
    };
    let name = service.as_str();
    let peer = match (&config.tls, own, configured) {
        (Some(tls), Some(_), None) => {
            let tls = service::own_tls::client(tls, &[b"h2"]).map_err(|error| at(&SERVICE.section(), &error))?;
            Peer::neighbour(name, answers, address, tls)
        }
        _ => Peer::new(name, answers, address).with_context(|| format!("{}.url", service.section()))?,
    };
    Ok(if service == ServiceName::EventsStore { peer.needed() } else { peer })
}

/// An address to connect to: a door that is open to every address is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}

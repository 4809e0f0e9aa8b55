//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use proto::events::v1::event_service_client::EventServiceClient;
use proto::events::v1::event_service_server::SERVICE_NAME as EVENTS;
use service::client_address::CLIENT_HEADER;
use service::door::{Door, DoorError, TlsConfig};
use service::grpc::{GrpcHealth, GrpcServer};
use service::readiness::{Latch, Readiness};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::caller::client_header;
use crate::pass_on::{called_service, is_grpc, pass_on, unknown};
use crate::rest::{self, Rest};
use crate::{Config, Peer};

/// The name of this service where a process is told which to run.
pub const SERVICE: &str = "gateway";

/// gRPC services that the gateway answers itself, for all of its peers.
const OWN_SERVICES: [&str; 3] =
    ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(transparent)]
    Door(#[from] DoorError),
}

/// The gateway, holding its port.
pub struct Gateway {
    door: Door,
    router: Router,
    peers: Vec<Peer>,
    health: GrpcHealth,
    latch: Latch,
    readiness: Readiness,
}

/// For gRPC calls.
#[derive(Clone)]
struct Passage {
    peers: Arc<[Peer]>,
    own: Router,
}

impl Passage {
    fn router(self) -> Router {
        Router::new().fallback(answer).with_state(self)
    }
}

impl Gateway {
    /// Takes the port. No peer needs to be there yet; the gateway is ready while those that it needs are.
    ///
    /// # Errors
    /// A port that cannot be had.
    pub async fn bind(
        config: &Config,
        tls: Option<&TlsConfig>,
        peers: Vec<Peer>,
        readiness: Readiness,
    ) -> Result<Self, GatewayError> {
        let door = Door::open(config.address, tls).await?;
        let mut server = GrpcServer::new(proto::FILE_DESCRIPTOR_SET);
        for service in peers.iter().flat_map(|peer| peer.answers) {
            server.follow(service, SERVICE);
        }
        let (own, health) = server.build();
        let needed = peers.iter().filter(|peer| peer.is_needed);
        let conditions: Vec<&'static str> = needed.map(|peer| peer.service).collect();
        let latch = readiness.service(SERVICE, &conditions);
        let passage = Passage { peers: peers.clone().into(), own };
        let rest = peers
            .iter()
            .find(|peer| peer.answers.contains(&EVENTS))
            .map(|peer| Rest { events: EventServiceClient::new(peer.channel()), readiness: readiness.clone() });
        let router = rest.map(rest::router).unwrap_or_default().fallback_service(passage.router());
        Ok(Self { door, router, peers, health, latch, readiness })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Until told to stop; finishes the calls in flight.
    pub async fn run(self, stop: CancellationToken) {
        let watches = TaskTracker::new();
        for peer in self.peers.into_iter().filter(|peer| peer.is_needed) {
            watches.spawn(peer.watch(self.latch.clone(), stop.clone()));
        }
        watches.close();
        let health = self.health.keep(self.readiness, stop.clone());
        tokio::join!(self.door.serve(self.router, stop.clone()), health, watches.wait());
    }
}

/// gRPC calls go to whoever answers them; anything else is no route.
async fn answer(State(passage): State<Passage>, mut request: Request) -> Response {
    if !is_grpc(&request) {
        return rest::no_such_route(&request);
    }
    let service = called_service(&request);
    if OWN_SERVICES.contains(&service) {
        return passage.own.oneshot(request).await.unwrap_or_else(|never| match never {});
    }
    let Some(peer) = passage.peers.iter().find(|peer| peer.answers.contains(&service)) else {
        return unknown(service, &passage.peers);
    };
    // Whatever the client says of its address, only the connection's is passed on.
    request.headers_mut().remove(CLIENT_HEADER);
    let client = client_header(request.extensions());
    request.headers_mut().extend(client);
    pass_on(peer, request).await
}

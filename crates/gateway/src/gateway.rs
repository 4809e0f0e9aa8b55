//! The service as a whole: bind, run, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use service::door::{Door, DoorError, TlsConfig};
use service::grpc::{GrpcHealth, GrpcServer};
use service::readiness::{Latch, Readiness};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::pass_on::{called_service, is_grpc, pass_on, unknown};
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

#[derive(Clone)]
struct Passage {
    peers: Arc<[Peer]>,
    own: Router,
    readiness: Readiness,
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
        let passage = Passage { peers: peers.clone().into(), own, readiness: readiness.clone() };
        let router = Router::new().route("/health", get(show_health)).fallback(answer).with_state(passage);
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

/// gRPC calls go to whoever answers them; of anything else there is nothing here yet.
async fn answer(State(passage): State<Passage>, request: Request) -> Response {
    if !is_grpc(&request) {
        return no_such_route(&request);
    }
    let service = called_service(&request);
    if OWN_SERVICES.contains(&service) {
        return passage.own.oneshot(request).await.unwrap_or_else(|never| match never {});
    }
    match passage.peers.iter().find(|peer| peer.answers.contains(&service)) {
        Some(peer) => pass_on(peer, request).await,
        None => unknown(service, &passage.peers),
    }
}

/// The contract's error object (3.6).
fn no_such_route(request: &Request) -> Response {
    let message = format!("no route `{} {}` here", request.method(), request.uri().path());
    let body = serde_json::json!({ "message": message, "httpcode": 404, "detail": {} });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

/// 200 when every peer is well, 503 with the reasons when not; needs no credentials (contract 3.1).
async fn show_health(State(passage): State<Passage>) -> Response {
    let reasons = passage.readiness.reasons(SERVICE).unwrap_or_default();
    if reasons.is_empty() {
        return Json(serde_json::json!({ "status": "ok" })).into_response();
    }
    let body = serde_json::json!({ "status": "not ready", "reasons": reasons });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

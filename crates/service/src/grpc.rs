//! What every gRPC server of ours has: health, reflection, one router, and the door they stand behind.

use std::net::SocketAddr;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder as Reflection;

use crate::door::{Door, DoorError, ListenAddress, TlsConfig};
use crate::readiness::Readiness;

const HEALTH: &str = "grpc.health.v1.Health";
const REFLECTION_V1: &str = "grpc.reflection.v1.ServerReflection";
const REFLECTION_V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";

/// A gRPC server that holds its port.
pub struct GrpcDoor {
    door: Door,
    router: Router,
    health: GrpcHealth,
    readiness: Readiness,
}

impl GrpcDoor {
    /// Takes the port.
    ///
    /// # Errors
    /// A port that cannot be had, or a certificate that cannot be used.
    pub async fn open(
        address: ListenAddress,
        tls: Option<&TlsConfig>,
        server: GrpcServer,
        readiness: Readiness,
    ) -> Result<Self, DoorError> {
        let door = Door::open(address, tls).await?;
        let (router, health) = server.build();
        Ok(Self { door, router, health, readiness })
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// Answers until told to stop, then finishes the calls in flight.
    pub async fn serve(self, stop: CancellationToken) {
        tokio::join!(self.door.serve(self.router, stop.clone()), self.health.keep(self.readiness, stop));
    }
}

/// A gRPC server in the making.
pub struct GrpcServer {
    routes: RoutesBuilder,
    health: HealthReporter,
    /// Full names of the services whose health follows a service of this process.
    followed: Vec<(&'static str, &'static str)>,
    descriptors: &'static [u8],
    /// Routes that are no gRPC.
    others: Router,
}

impl GrpcServer {
    /// A server that answers `grpc.health.v1.Health`, and reflection (v1 and v1alpha) on what it follows, as
    /// `descriptors` describe it.
    pub fn new(descriptors: &'static [u8]) -> Self {
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = RoutesBuilder::default();
        routes.add_service(health_service);
        Self { routes, health, followed: Vec::new(), descriptors, others: Router::new() }
    }

    /// Where services are added.
    pub fn routes(&mut self) -> &mut RoutesBuilder {
        &mut self.routes
    }

    /// Answers the routes of `router` beside the gRPC.
    pub fn also(&mut self, router: Router) {
        self.others = std::mem::take(&mut self.others).merge(router);
    }

    /// The health of the gRPC service `name` is the readiness of `service`.
    pub fn follow(&mut self, name: &'static str, service: &'static str) {
        self.followed.push((name, service));
    }

    /// The router, and the health to be kept by [`GrpcHealth::keep`].
    pub fn build(mut self) -> (Router, GrpcHealth) {
        let reflection = |own_name| {
            let names = self.followed.iter().map(|(name, _)| *name).chain([HEALTH, own_name]);
            let reflection = Reflection::configure()
                .register_encoded_file_descriptor_set(self.descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            names.fold(reflection, Reflection::with_service_name)
        };
        let v1 = reflection(REFLECTION_V1).build_v1().expect("descriptors of our own build are valid");
        let v1alpha = reflection(REFLECTION_V1ALPHA).build_v1alpha().expect("descriptors of our own build are valid");
        self.routes.add_service(v1).add_service(v1alpha);
        let health = GrpcHealth { reporter: self.health, followed: self.followed };
        (self.routes.routes().into_axum_router().merge(self.others), health)
    }
}

/// Tells the health of the followed services.
pub struct GrpcHealth {
    reporter: HealthReporter,
    followed: Vec<(&'static str, &'static str)>,
}

impl GrpcHealth {
    /// Follows `readiness` until told to stop. The server as a whole (the empty name) is healthy while all of its
    /// services are.
    pub async fn keep(self, readiness: Readiness, stop: CancellationToken) {
        let mut changes = readiness.changes();
        loop {
            let is_ready = |service| readiness.reasons(service).is_some_and(|reasons| reasons.is_empty());
            for (name, service) in &self.followed {
                self.reporter.set_service_status(name, status(is_ready(service))).await;
            }
            let all = self.followed.iter().all(|(_, service)| is_ready(service));
            self.reporter.set_service_status("", status(all)).await;
            if !matches!(stop.run_until_cancelled(changes.changed()).await, Some(Ok(()))) {
                return;
            }
        }
    }
}

fn status(is_ready: bool) -> ServingStatus {
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

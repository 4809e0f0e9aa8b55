//! What every gRPC server of ours has: health, reflection and one router.

use axum::Router;
use tonic::service::RoutesBuilder;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder as Reflection;

use crate::readiness::Readiness;

/// A gRPC server in the making.
pub struct GrpcServer {
    routes: RoutesBuilder,
    health: HealthReporter,
    /// Full names of the services whose health follows a service of this process.
    followed: Vec<(&'static str, &'static str)>,
}

impl GrpcServer {
    /// A server that answers `grpc.health.v1.Health`, and reflection (v1 and v1alpha) over `descriptors`.
    pub fn new(descriptors: &'static [u8]) -> Self {
        let (health, health_service) = tonic_health::server::health_reporter();
        let reflection = || {
            Reflection::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let mut routes = RoutesBuilder::default();
        routes
            .add_service(health_service)
            .add_service(reflection().build_v1().expect("descriptors of our own build are valid"))
            .add_service(reflection().build_v1alpha().expect("descriptors of our own build are valid"));
        Self { routes, health, followed: Vec::new() }
    }

    /// Where services are added.
    pub fn routes(&mut self) -> &mut RoutesBuilder {
        &mut self.routes
    }

    /// The health of the gRPC service `name` is the readiness of `service`.
    pub fn follow(&mut self, name: &'static str, service: &'static str) {
        self.followed.push((name, service));
    }

    /// The router, and the health to be kept by [`GrpcHealth::keep`].
    pub fn build(self) -> (Router, GrpcHealth) {
        let health = GrpcHealth { reporter: self.health, followed: self.followed };
        (self.routes.routes().into_axum_router(), health)
    }
}

/// Tells the health of the followed services.
pub struct GrpcHealth {
    reporter: HealthReporter,
    followed: Vec<(&'static str, &'static str)>,
}

impl GrpcHealth {
    /// Follows `readiness` for ever. The server as a whole (the empty name) is healthy while all of its services are.
    pub async fn keep(self, readiness: Readiness) {
        let mut changes = readiness.changes();
        loop {
            let is_ready = |service| readiness.reasons(service).is_some_and(|reasons| reasons.is_empty());
            for (name, service) in &self.followed {
                self.reporter.set_service_status(name, status(is_ready(service))).await;
            }
            let all = self.followed.iter().all(|(_, service)| is_ready(service));
            self.reporter.set_service_status("", status(all)).await;
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

fn status(is_ready: bool) -> ServingStatus {
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

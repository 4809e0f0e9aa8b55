//! The promises of every bus.

use std::sync::Arc;

use async_trait::async_trait;
use bus::Bus;
use bus::conformance::Candidate;
use bus_nats::{NatsBus, NatsConfig};
use fixtures::NatsServer;

struct NatsCandidate {
    server: NatsServer,
    bus: Arc<NatsBus>,
}

impl NatsCandidate {
    async fn new() -> Self {
        let server = NatsServer::start();
        let bus = connect(&server).await;
        Self { server, bus }
    }
}

async fn connect(server: &NatsServer) -> Arc<NatsBus> {
    NatsBus::connect(NatsConfig { urls: vec![server.url()], ..NatsConfig::default() }).await.expect("a bus")
}

#[async_trait]
impl Candidate for NatsCandidate {
    fn bus(&self) -> Arc<dyn Bus> {
        self.bus.clone()
    }

    /// Another client, as after a restart of the service.
    async fn reopen(&mut self) {
        self.bus = connect(&self.server).await;
    }

    /// The server is killed; the client stays and reconnects by itself.
    async fn crash(&mut self) {
        self.server.restart();
    }
}

bus::conformance_suite!(NatsCandidate::new());

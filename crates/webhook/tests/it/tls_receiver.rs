//! Receivers on 127.0.0.1 that speak TLS.

use std::sync::Arc;

use fixtures::{Authority, Reaction, Receiver};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Shows a certificate by `servers`.
pub fn receiver_by(servers: &Authority) -> Receiver {
    start(servers.issue("127.0.0.1").server_config())
}

/// And wants to see one, by `clients`.
pub fn receiver_for(clients: &Authority, servers: &Authority) -> Receiver {
    let identity = servers.issue("127.0.0.1");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.pem.as_bytes()).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(verifier);
    start(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
}

fn start(tls: Arc<ServerConfig>) -> Receiver {
    Receiver::start_at([127, 0, 0, 1].into(), Some(tls), |_| Reaction::status(200))
}

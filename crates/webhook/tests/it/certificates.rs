//! An authority that only the tests know.

use std::sync::Arc;

use fixtures::{Reaction, Receiver};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate_pem: String,
}

/// A certificate and its key, as PEM.
pub struct Identity {
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate_pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate_pem }
    }

    pub fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// A receiver on 127.0.0.1 that shows a certificate for it.
    pub fn receiver(&self) -> Receiver {
        let _ = rustls::crypto::ring::default_provider().install_default();
        self.start(ServerConfig::builder().with_no_client_auth())
    }

    /// And wants to see one, of `clients`.
    pub fn receiver_for(&self, clients: &Self) -> Receiver {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(clients.certificate_pem.as_bytes()).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        self.start(ServerConfig::builder().with_client_cert_verifier(verifier))
    }

    fn start(&self, config: rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>) -> Receiver {
        let identity = self.issue("127.0.0.1");
        let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        let config = config.with_single_cert(vec![certificate], key).unwrap();
        Receiver::start_at([127, 0, 0, 1].into(), Some(Arc::new(config)), |_| Reaction::status(200))
    }
}

//! Certificates, good and bad.

use std::io::Write;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;

/// An authority that only the tests know.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, as a `ca_file`.
    pub file: NamedTempFile,
}

/// A certificate and its key.
pub struct Identity {
    pub config: Arc<ServerConfig>,
}

impl Authority {
    pub fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(certificate.pem().as_bytes()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    /// For `name`, valid now.
    pub fn issue(&self, name: &str) -> Identity {
        self.issue_until(name, 2096)
    }

    pub fn issue_until(&self, name: &str, year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        identity(&certificate, &key)
    }
}

fn identity(certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], der).unwrap();
    Identity { config: Arc::new(config) }
}

//! What a client shows to a peer that wants to know who asks (mutual TLS).

use std::path::Path;
use std::sync::Arc;

use reqwest::Identity;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Largest certificate or key file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// A certificate with its chain, and its private key.
#[derive(Clone)]
pub struct ClientIdentity(Identity);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum ClientIdentityError {
    #[error("`{file}` cannot be read: {source}")]
    Unreadable { file: String, source: std::io::Error },
    #[error("`{file}` has {bytes} bytes, expected at most {FILE_BYTES_MAX}")]
    TooLarge { file: String, bytes: u64 },
    #[error("holds no certificate, expected PEM: `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    #[error("holds no private key, expected PEM without a password: `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    #[error("certificate and private key do not belong together, or are of a kind that is not supported")]
    Unfit,
}

impl ClientIdentity {
    /// Reads two PEM files; the first begins with the client's own certificate.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, ClientIdentityError> {
        Self::parse(&read(certificate)?, &read(key)?)
    }

    pub fn parse(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Self, ClientIdentityError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(ClientIdentityError::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| ClientIdentityError::NoKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // Here and not at the first handshake, where the peer would get the blame.
        CertifiedKey::from_der(chain, key, &provider).map_err(|_| ClientIdentityError::Unfit)?;
        let both = [key_pem, b"\n", certificate_pem].concat();
        Identity::from_pem(&both).map(Self).map_err(|_| ClientIdentityError::Unfit)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.0.clone()
    }
}

/// Nothing of it: it is a secret.
impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientIdentity")
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ClientIdentityError> {
    let file = || path.display().to_string();
    let unreadable = |source| ClientIdentityError::Unreadable { file: file(), source };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(ClientIdentityError::TooLarge { file: file(), bytes });
    }
    std::fs::read(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use rcgen::CertifiedKey;

    use super::*;

    fn made() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["client.example".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn check(certificate: &str, key: &str, part: &str) {
        let error = ClientIdentity::parse(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn a_pair_that_cannot_work_is_refused_at_once() {
        let ((certificate, key), (_, other_key)) = (made(), made());
        assert!(ClientIdentity::parse(certificate.as_bytes(), key.as_bytes()).is_ok());
        check("", &key, "no certificate");
        check(&key, &key, "no certificate");
        check(&certificate, &certificate, "no private key");
        check(&certificate, &other_key, "do not belong together");
        let error = ClientIdentity::read(Path::new("/no/such/file"), Path::new("/x")).unwrap_err();
        assert!(error.to_string().starts_with("`/no/such/file` cannot be read: "), "{error}");
    }
}

//! Certificate authorities to trust besides those of the system.

use std::path::Path;

use reqwest::Certificate;

/// Largest CA file, in bytes: the bundle of a whole operating system has about 250 KiB.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The certificates of a PEM file.
#[derive(Clone)]
pub struct CaCertificates(Vec<Certificate>);

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum CaCertificatesError {
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    #[error("{0} bytes, expected at most {FILE_BYTES_MAX}")]
    TooLarge(u64),
    #[error("holds no certificate, expected PEM: `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
}

impl CaCertificates {
    pub fn read(file: &Path) -> Result<Self, CaCertificatesError> {
        let length = std::fs::metadata(file).map_err(CaCertificatesError::Unreadable)?.len();
        if length > FILE_BYTES_MAX {
            return Err(CaCertificatesError::TooLarge(length));
        }
        Self::parse(&std::fs::read(file).map_err(CaCertificatesError::Unreadable)?)
    }

    /// Every certificate of a PEM text; what else it holds is passed over.
    pub fn parse(pem: &[u8]) -> Result<Self, CaCertificatesError> {
        let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if certificates.is_empty() { Err(CaCertificatesError::NoCertificate) } else { Ok(Self(certificates)) }
    }

    pub(crate) fn certificates(&self) -> impl Iterator<Item = Certificate> {
        self.0.iter().cloned()
    }
}

/// Their number: the certificates themselves tell a reader nothing.
impl std::fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} CA certificate(s)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for text in ["", "not PEM", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"] {
            assert!(CaCertificates::parse(text.as_bytes()).is_err(), "{text}");
        }
        let error = CaCertificates::read(Path::new("/no/such/file")).unwrap_err();
        assert!(error.to_string().starts_with("cannot be read: "), "{error}");
    }

    #[test]
    fn a_bundle_is_read_whole() {
        let certificate = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap().cert.pem();
        let bundle = format!("# Ours.\n{certificate}\n{certificate}");
        assert_eq!(format!("{:?}", CaCertificates::parse(bundle.as_bytes()).unwrap()), "2 CA certificate(s)");
    }
}

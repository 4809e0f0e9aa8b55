//! Whom this machine trusts.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;

/// TLS by the CA certificates of this machine alone, read when the first client needs them. Reading them takes longer, and
/// keeping them more memory, than all else that a client is made of: clients that are made together share one. A new one
/// sees what was changed on the machine since. Clones share.
#[derive(Debug, Clone, Default)]
pub struct SystemTrust(Arc<OnceLock<Option<ClientConfig>>>);

impl SystemTrust {
    /// `None`: this machine has no usable certificates, which the client has to cope with.
    pub(crate) fn tls(&self) -> Option<ClientConfig> {
        self.0.get_or_init(|| tls().ok()).clone()
    }
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = CryptoProvider::get_default().expect("the process installs a rustls provider first");
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(Verifier::new(Arc::clone(provider))?);
    let mut tls = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    tls.alpn_protocols = vec!["http/1.1".into()];
    Ok(tls)
}

//! What an operator can change about a client.

/// The settings that a hint may name, as they should stand in a sentence. `None` where there is no such setting.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// A file with CA certificates: "`ca_file` of the entry for example.com in services.catalog.registries".
    pub ca_file: Option<String>,
    /// What turns TLS off: "`insecure: true` for the repository in services.catalog.repositories".
    pub insecure: Option<String>,
    /// How long a request may take: "`services.catalog.request_timeout`".
    pub request_timeout: Option<String>,
    /// How long an answer may fall silent: "`services.policy_engine.silence_timeout`".
    pub silence_timeout: Option<String>,
    /// The least rate of an answer: "`services.policy_engine.download_rate_min`".
    pub rate_min: Option<String>,
}

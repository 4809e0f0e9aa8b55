//! What can be set.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use bus::BusError;
use secrecy::SecretString;

/// The seam promises that an ID is known for two minutes.
const DUPLICATE_WINDOW_MIN: Duration = Duration::from_mins(2);
const MAX_BYTES_DEFAULT: u64 = 2 * 1024 * 1024 * 1024;
/// JetStream's own bound.
const REPLICAS_MAX: usize = 5;

/// Where NATS is and how to be let in. Prints without what it takes to be let in.
#[derive(Clone)]
pub struct NatsConfig {
    /// Servers of one cluster, as `nats://host:4222` or `tls://host:4222`. A user and password in one are used, and
    /// never printed.
    pub urls: Vec<String>,
    /// A `.creds` file: a JWT and its key.
    pub credentials_file: Option<PathBuf>,
    pub user: Option<String>,
    pub password: Option<SecretString>,
    pub tls: TlsConfig,
    pub stream: StreamConfig,
}

#[derive(Debug, Clone, Default)]
pub struct TlsConfig {
    /// Certificates in PEM to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, in PEM, for a server that asks for one.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Refuse a server that offers no TLS.
    pub required: bool,
}

/// The stream that holds the events. It is created, or brought to these settings, before its first use.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    pub name: String,
    /// Servers that hold each message: 1, or 3 in a cluster of three.
    pub replicas: usize,
    /// Messages older than this are dropped, settled or not: longer than any outage of a consumer, or `None` for never.
    pub max_age: Option<Duration>,
    /// Most bytes of the stream; the server reserves them.
    pub max_bytes: u64,
    /// How long the server remembers an ID, in its memory.
    pub duplicate_window: Duration,
}

impl NatsConfig {
    /// Whether NATS can be connected to with these settings at all.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`], naming the setting.
    pub fn validate(&self) -> Result<(), BusError> {
        self.check().map(drop)
    }

    pub(crate) fn check(&self) -> Result<Vec<ServerAddr>, BusError> {
        let refuse = |text: String| Err(BusError::Misconfigured(text));
        if self.urls.is_empty() {
            return refuse("url: expected at least one, such as `nats://127.0.0.1:4222`".into());
        }
        if self.user.is_some() != self.password.is_some() {
            return refuse("user, password: expected both or none".into());
        }
        if self.credentials_file.is_some() && self.user.is_some() {
            return refuse("credentials_file, user: expected one or the other".into());
        }
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            return refuse("tls.cert, tls.key: expected both or none".into());
        }
        // The client reads them at each connection, and says no more than that it failed.
        for file in [&self.tls.ca_file, &self.tls.cert, &self.tls.key].into_iter().flatten() {
            if let Err(error) = std::fs::File::open(file) {
                return refuse(format!("tls: cannot read `{}`: {error}", file.display()));
            }
        }
        self.stream.check()?;
        // The client's own error may hold the password of the URL.
        let parse = |url: &String| url.parse::<ServerAddr>().map_err(|_| url_refusal(url));
        self.urls.iter().map(parse).collect()
    }
}

fn url_refusal(url: &str) -> BusError {
    let address = url.rsplit('@').next().unwrap_or_default();
    BusError::Misconfigured(format!("url: expected one such as `nats://127.0.0.1:4222`, got `{address}`"))
}

/// `host:port`.
pub(crate) fn address(url: &ServerAddr) -> String {
    format!("{}:{}", url.host(), url.port())
}

impl StreamConfig {
    fn check(&self) -> Result<(), BusError> {
        let refuse = |text: String| Err(BusError::Misconfigured(text));
        let name_is_plain =
            self.name.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
        if self.name.is_empty() || !name_is_plain {
            return refuse(format!("stream.name: expected letters, digits, `-` and `_`, got `{}`", self.name));
        }
        if self.replicas == 0 || self.replicas > REPLICAS_MAX {
            return refuse(format!("stream.replicas: expected 1 to {REPLICAS_MAX}, got {}", self.replicas));
        }
        if self.duplicate_window < DUPLICATE_WINDOW_MIN {
            return refuse(format!(
                "stream.duplicate_window: expected at least {DUPLICATE_WINDOW_MIN:?}, got {:?}",
                self.duplicate_window
            ));
        }
        if self.max_age.is_some_and(|max_age| max_age < self.duplicate_window) {
            return refuse(format!(
                "stream.max_age: expected at least the duplicate window of {:?}, got {:?}",
                self.duplicate_window,
                self.max_age.unwrap_or_default()
            ));
        }
        if self.max_bytes == 0 || i64::try_from(self.max_bytes).is_err() {
            return refuse(format!("stream.max_bytes: expected at least 1, got {}", self.max_bytes));
        }
        Ok(())
    }
}

impl Default for NatsConfig {
    fn default() -> Self {
        Self {
            urls: vec!["nats://127.0.0.1:4222".to_owned()],
            credentials_file: None,
            user: None,
            password: None,
            tls: TlsConfig::default(),
            stream: StreamConfig::default(),
        }
    }
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            name: "EVENTS".to_owned(),
            replicas: 1,
            max_age: None,
            max_bytes: MAX_BYTES_DEFAULT,
            duplicate_window: DUPLICATE_WINDOW_MIN,
        }
    }
}

impl fmt::Debug for NatsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<&str> = self.urls.iter().filter_map(|url| url.rsplit('@').next()).collect();
        f.debug_struct("NatsConfig")
            .field("urls", &addresses)
            .field("credentials_file", &self.credentials_file)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("tls", &self.tls)
            .field("stream", &self.stream)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut NatsConfig), expected: &str) {
        let mut config = NatsConfig::default();
        change(&mut config);
        let text = config.check().err().map(|error| error.chain()).unwrap_or_default();
        assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{text:?}, expected {expected:?}");
        assert!(!text.contains("secret") && !format!("{config:?}").contains("secret"), "{text} {config:?}");
    }

    #[test]
    fn each_refusal_names_its_setting_and_no_secret() {
        check(|_| {}, "");
        check(|config| config.urls = vec!["tls://u:secret@nats.example.com".into()], "");
        check(|config| config.urls = vec!["nats://u:secret@host:port".into()], "got `host:port`");
        check(|config| config.urls.clear(), "url:");
        check(|config| config.password = Some("secret".into()), "user, password:");
        check(|config| config.tls.cert = Some("cert.pem".into()), "tls.cert, tls.key:");
        check(|config| config.tls.ca_file = Some("/no/such/ca.pem".into()), "/no/such/ca.pem");
        check(|config| config.stream.name = "a.b".into(), "stream.name:");
        check(|config| config.stream.replicas = 6, "stream.replicas:");
        check(|config| config.stream.duplicate_window = Duration::from_secs(1), "stream.duplicate_window:");
        check(|config| config.stream.max_age = Some(Duration::from_secs(1)), "stream.max_age:");
        check(|config| config.stream.max_bytes = 0, "stream.max_bytes:");
    }
}

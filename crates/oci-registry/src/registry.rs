//! One registry: the client that reaches it, and what all its repositories share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cause::Secrets;
use event::{Clock, Timestamp};
use outbound::{Client, ClientConfig, ClientError, Settings};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use crate::{Credentials, RegistryConfig, RegistryName};

/// Most listings at one registry at the same time: one that hangs must not hold every turn there is.
pub const REQUESTS_AT_ONCE_PER_REGISTRY_MAX: usize = 4;

/// Longest time one layer may take, as long as it goes on coming; whoever asks for it has a bound of their own.
const BLOB_TIMEOUT: Duration = Duration::from_hours(24);

pub struct Registry {
    pub name: RegistryName,
    pub(crate) client: Client,
    /// The same, for layers: those are large.
    pub(crate) blob_client: Client,
    pub(crate) credentials: Option<Credentials>,
    /// What must not appear in an event about this registry.
    pub(crate) secrets: Secrets,
    pub turns: Semaphore,
    pub(crate) clock: Arc<dyn Clock>,
    held_until: Mutex<Option<Timestamp>>,
    /// Whether it was found to answer no HEAD, so that it is not asked in vain before every GET.
    has_no_head: AtomicBool,
}

impl Registry {
    /// `entry` is what is configured for it beside its name; `request_timeout` bounds one request.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(
        name: RegistryName,
        entry: Option<&RegistryConfig>,
        request_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let settings = Settings {
            ca_file: Some(format!("`ca_file` of the entry for {name} in services.catalog.registries")),
            insecure: Some("`insecure: true` for the repository in services.catalog.repositories, or `--insecure` on a command line".to_owned()),
            request_timeout: Some("`services.catalog.request_timeout`".to_owned()),
            silence_timeout: Some("`services.catalog.request_timeout`".to_owned()),
            ..Settings::default()
        };
        let credentials = entry.and_then(|entry| entry.credentials.clone());
        let client = Client::new(ClientConfig {
            connect_timeout: ClientConfig::default().connect_timeout.min(request_timeout),
            request_timeout,
            silence_timeout: request_timeout,
            ca_certificates: entry.and_then(|entry| entry.ca_certificates.clone()),
            environment_proxy: !name.is_loopback(),
            settings,
            ..ClientConfig::default()
        })?;
        let mut secrets = Secrets::default();
        if let Some(credentials) = &credentials {
            secrets.add_credentials(&credentials.username, credentials.password.expose_secret());
        }
        Ok(Self {
            name,
            blob_client: client.with_request_timeout(BLOB_TIMEOUT),
            client,
            credentials,
            secrets,
            turns: Semaphore::new(REQUESTS_AT_ONCE_PER_REGISTRY_MAX),
            clock,
            held_until: Mutex::new(None),
            has_no_head: AtomicBool::new(false),
        })
    }

    /// Asks nothing more of this registry before `until`: it said so.
    pub fn hold(&self, until: Timestamp) {
        let mut held_until = self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        *held_until = (*held_until).max(Some(until));
    }

    pub(crate) fn answers_head(&self) -> bool {
        !self.has_no_head.load(Ordering::Relaxed)
    }

    pub(crate) fn note_no_head(&self) {
        self.has_no_head.store(true, Ordering::Relaxed);
    }

    /// Until when nothing may be asked, if that is later than now.
    pub fn held_until(&self) -> Option<Timestamp> {
        let held_until = *self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        held_until.filter(|until| *until > self.clock.now())
    }
}

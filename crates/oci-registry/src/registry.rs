//! One registry: the client that reaches it, and what all its repositories share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cause::Secrets;
use event::{Clock, Timestamp};
use http::HeaderMap;
use outbound::{Client, ClientConfig, ClientError, Settings};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use crate::budget::{Budget, REQUESTS_PER_MINUTE};
use crate::patience::Patience;
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
    budget: Budget,
    patience: Mutex<Patience>,
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
            budget: Budget::new(entry.and_then(|entry| entry.requests_per_minute).unwrap_or(REQUESTS_PER_MINUTE)),
            patience: Mutex::default(),
            has_no_head: AtomicBool::new(false),
        })
    }

    /// Waits until the budget has room for a request, without counting one.
    pub async fn room(&self) {
        self.budget.room(&*self.clock).await;
    }

    /// Waits until the budget has room for a request, and counts it.
    ///
    /// # Errors
    /// The registry wants no request before this time.
    pub(crate) async fn admit(&self) -> Result<(), Timestamp> {
        if let Some(until) = self.held_until() {
            return Err(until);
        }
        self.budget.spend(&*self.clock).await;
        // It may have said so meanwhile.
        self.held_until().map_or(Ok(()), Err)
    }

    /// Notes that this registry wants fewer requests, and perhaps when the next one.
    pub(crate) fn note_refusal(&self, retry_at: Option<Timestamp>) {
        self.patience().refused(retry_at, self.clock.now());
    }

    /// Notes that this registry wants no request before `until`.
    pub(crate) fn hold(&self, until: Timestamp) {
        self.patience().hold(until);
    }

    /// Notes what an answer says about the next request.
    pub(crate) fn note_answer(&self, headers: &HeaderMap) {
        self.patience().answered(headers, self.clock.now());
    }

    fn patience(&self) -> MutexGuard<'_, Patience> {
        self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answers_head(&self) -> bool {
        !self.has_no_head.load(Ordering::Relaxed)
    }

    pub(crate) fn note_no_head(&self) {
        self.has_no_head.store(true, Ordering::Relaxed);
    }

    /// Until when nothing may be asked, if that is later than now.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.patience().held_until(self.clock.now())
    }
}

//! The registries that are watched: one client and one budget for each, whoever watches how many of its repositories.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::Clock;
use oci_registry::{Registry, RegistryConfig, RegistryName};
use outbound::ClientError;

pub(crate) struct Registries {
    configured: Vec<RegistryConfig>,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<RegistryName, Arc<Registry>>>,
}

impl Registries {
    pub(crate) fn new(configured: Vec<RegistryConfig>, request_timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { configured, request_timeout, clock, known: Mutex::default() }
    }

    /// # Errors
    /// The HTTP client cannot be made.
    pub(crate) fn get(&self, name: &RegistryName) -> Result<Arc<Registry>, ClientError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = known.get(name) {
            return Ok(Arc::clone(registry));
        }
        let clock = Arc::clone(&self.clock);
        let registry = Arc::new(Registry::new(name.clone(), self.configured(name), self.request_timeout, clock)?);
        known.insert(name.clone(), Arc::clone(&registry));
        Ok(registry)
    }

    /// Whether a password is configured for it.
    pub(crate) fn has_credentials(&self, name: &RegistryName) -> bool {
        self.configured(name).is_some_and(|entry| entry.credentials.is_some())
    }

    fn configured(&self, name: &RegistryName) -> Option<&RegistryConfig> {
        self.configured.iter().find(|entry| entry.registry == *name)
    }
}

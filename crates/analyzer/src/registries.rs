//! The registries that were asked so far, each with what is configured for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::Clock;
use oci_registry::{Registry, RegistryConfig, RegistryName, Repository, Session};
use outbound::ClientError;

/// Most registries whose clients are kept; whoever queues images chooses their names.
const REGISTRIES_MAX: usize = 256;

pub struct Registries {
    configs: Vec<RegistryConfig>,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<RegistryName, Arc<Registry>>>,
}

impl Registries {
    pub fn new(configs: Vec<RegistryConfig>, request_timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { configs, request_timeout, clock, known: Mutex::default() }
    }

    /// # Errors
    /// An HTTP client cannot be made.
    pub fn session(&self, repository: Repository) -> Result<Session, ClientError> {
        let name = repository.name.registry();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = known.get(name) {
            return Ok(Session::new(Arc::clone(registry), repository));
        }
        if known.len() >= REGISTRIES_MAX {
            known.clear();
        }
        let config = self.configs.iter().find(|config| config.registry == *name);
        let registry = Registry::new(name.clone(), config, self.request_timeout, Arc::clone(&self.clock))?;
        let registry = Arc::new(registry);
        known.insert(name.clone(), Arc::clone(&registry));
        Ok(Session::new(registry, repository))
    }
}

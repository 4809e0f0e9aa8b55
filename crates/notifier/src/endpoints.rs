//! The endpoints as they are now: those of the configuration, and those that were added at run time.

use std::sync::{Arc, RwLock};

use database::DatabaseError;
use event::{AccountName, Timestamp};
use secrecy::SecretString;
use tracing::error;

use crate::conversion::draft_from_proto;
use crate::endpoint::Endpoint;
use crate::endpoint_key::EndpointKey;
use crate::endpoint_table::{Added, EndpointTable};

/// Most endpoints, those of the configuration included.
pub const ENDPOINTS_MAX: usize = 1000;

/// Cheap to clone; clones see the same.
#[derive(Clone)]
pub struct Endpoints {
    configured: Arc<[Arc<Endpoint>]>,
    pub table: EndpointTable,
    known: Arc<RwLock<Arc<Known>>>,
}

/// The endpoints at one moment.
#[derive(Default)]
pub struct Known {
    /// In the order of their keys.
    pub all: Vec<Arc<Endpoint>>,
    version: Option<i64>,
    /// When an old secret ends.
    changes_at: Option<Timestamp>,
}

impl Known {
    pub fn get(&self, key: &EndpointKey) -> Option<&Arc<Endpoint>> {
        self.all.binary_search_by(|endpoint| endpoint.key.cmp(key)).ok().map(|index| &self.all[index])
    }

    /// The one that `account` means by `name`: its own, else one of every account.
    pub fn find(&self, account: &AccountName, name: &str) -> Option<&Arc<Endpoint>> {
        self.get(&EndpointKey::new(Some(account), name)).or_else(|| self.get(&EndpointKey::new(None, name)))
    }

    /// Those that `account` may see.
    pub fn visible_to(&self, account: &AccountName) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.all.iter().filter(move |endpoint| endpoint.rule.account.as_ref().is_none_or(|owner| owner == account))
    }
}

impl Endpoints {
    pub fn new(mut configured: Vec<Endpoint>, table: EndpointTable) -> Self {
        configured.sort_by(|one, other| one.key.cmp(&other.key));
        let configured: Arc<[Arc<Endpoint>]> = configured.into_iter().map(Arc::new).collect();
        let known = Known { all: configured.to_vec(), ..Known::default() };
        Self { configured, table, known: Arc::new(RwLock::new(Arc::new(known))) }
    }

    /// As they were found last.
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().expect("nothing panics while it is held"))
    }

    /// Looks whether one was added, changed or removed, here or by another replica, and gives them as they are.
    pub async fn refresh(&self, now: Timestamp) -> Result<Arc<Known>, DatabaseError> {
        let known = self.known();
        let version = self.table.version().await?;
        if known.version == Some(version) && known.changes_at.is_none_or(|at| now < at) {
            return Ok(known);
        }
        let added = self.table.all().await?;
        let ends = added.iter().filter_map(|added| Some(added.old_secret.as_ref()?.1));
        let changes_at = ends.filter(|until| *until > now).min();
        let mut all = self.configured.to_vec();
        for added in &added {
            match endpoint(added, now) {
                // One of the configuration may have come by the same name later.
                Ok(endpoint) if all.iter().all(|known| known.key != endpoint.key) => all.push(Arc::new(endpoint)),
                Ok(_) => {}
                Err(problem) => error!(endpoint = %added.key, problem, "an endpoint cannot be used any more"),
            }
        }
        all.sort_by(|one, other| one.key.cmp(&other.key));
        let known = Arc::new(Known { all, version: Some(version), changes_at });
        *self.known.write().expect("nothing panics while it is held") = Arc::clone(&known);
        Ok(known)
    }
}

/// The endpoint that was added.
fn endpoint(added: &Added, now: Timestamp) -> Result<Endpoint, String> {
    let mut draft =
        draft_from_proto(added.settings.clone(), added.key.account()).map_err(|violations| violations.to_string())?;
    if let Some((secret, _)) = added.old_secret.as_ref().filter(|(_, until)| *until > now) {
        draft.secrets.push(SecretString::from(secret.clone()));
    }
    draft.revision = format!("{} {}", added.changed_at.as_micros(), draft.secrets.len());
    draft.check().map_err(|violations| violations.to_string())
}

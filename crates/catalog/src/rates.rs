//! Registries that want fewer requests. What a registry does to one repository it does to all, so an account hears of it
//! once and not once for each repository.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{AccountName, Timestamp};
use oci_registry::RegistryName;

use crate::ailments::Ailments;
use crate::concern::Concern;

/// A registry that has not refused for this long has calmed down, and refusing once more is news. Until then a listing
/// that works between two that are refused says nothing.
const CALM: Duration = Duration::from_hours(1);

/// Clones share their memory.
#[derive(Clone, Default)]
pub(crate) struct Rates(Arc<Mutex<BTreeMap<(RegistryName, AccountName), SharedRate>>>);

pub(crate) type SharedRate = Arc<tokio::sync::Mutex<Rate>>;

/// How one registry treats one account.
#[derive(Default)]
pub(crate) struct Rate {
    /// At most the one about its rate.
    pub(crate) ailments: Ailments,
    /// Whether what was kept was read.
    pub(crate) is_remembered: bool,
}

impl Rates {
    pub(crate) fn of(&self, registry: &RegistryName, account: &AccountName) -> SharedRate {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rates.entry((registry.clone(), account.clone())).or_default())
    }
}

impl Rate {
    /// Notes that the registry answered. Returns whether it has calmed down by that.
    pub(crate) fn answered(&mut self, now: Timestamp) -> bool {
        let failing = self.ailments.failing(&Concern::Rate);
        let has_calmed = failing.is_some_and(|failing| now >= failing.last_at.plus(CALM));
        if has_calmed {
            self.ailments.succeeded(&Concern::Rate);
        }
        has_calmed
    }
}

//! Whether each service of this process can do its work, and if not, why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tracing::{info, warn};

/// The readiness of every service of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness {
    services: Arc<Mutex<BTreeMap<&'static str, Conditions>>>,
    changes: Arc<watch::Sender<()>>,
}

/// What a service needs; an empty text is a condition that holds.
type Conditions = BTreeMap<&'static str, String>;

/// One service's readiness: it is ready while all of its conditions hold.
#[derive(Clone)]
pub struct Latch {
    readiness: Readiness,
    service: &'static str,
}

impl Readiness {
    /// Adds a service that is not ready until every one of `conditions` was said to hold.
    pub fn service(&self, service: &'static str, conditions: &[&'static str]) -> Latch {
        let starting = conditions.iter().map(|condition| (*condition, "starting".to_owned())).collect();
        self.services.lock().expect("nothing panics while it is held").insert(service, starting);
        Latch { readiness: self.clone(), service }
    }

    /// Why `service` is not ready: `condition: reason`, one for each. Empty when it is. `None` for an unknown service.
    pub fn reasons(&self, service: &str) -> Option<Vec<String>> {
        let services = self.services.lock().expect("nothing panics while it is held");
        let conditions = services.get(service)?;
        let unmet = conditions.iter().filter(|(_, reason)| !reason.is_empty());
        Some(unmet.map(|(condition, reason)| format!("{condition}: {reason}")).collect())
    }

    pub fn services(&self) -> Vec<&'static str> {
        self.services.lock().expect("nothing panics while it is held").keys().copied().collect()
    }

    /// Wakes at every change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    fn set(&self, service: &'static str, condition: &'static str, reason: &str) {
        let (was_ready, is_ready, is_news) = {
            let mut services = self.services.lock().expect("nothing panics while it is held");
            let conditions = services.entry(service).or_default();
            let was_ready = conditions.values().all(String::is_empty);
            let before = conditions.insert(condition, reason.to_owned());
            (was_ready, conditions.values().all(String::is_empty), before.as_deref() != Some(reason))
        };
        if !is_news {
            return;
        }
        match (was_ready, is_ready) {
            (false, true) => info!(service, "ready"),
            _ if !reason.is_empty() => warn!(service, condition, reason, "not ready"),
            _ => {}
        }
        self.changes.send_replace(());
    }
}

impl Latch {
    pub fn holds(&self, condition: &'static str) {
        self.readiness.set(self.service, condition, "");
    }

    /// `reason` is one line for people.
    pub fn fails(&self, condition: &'static str, reason: impl AsRef<str>) {
        self.readiness.set(self.service, condition, reason.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_while_all_its_conditions_hold() {
        let readiness = Readiness::default();
        let latch = readiness.service("store", &["bus", "database"]);
        let check = |expected: &[&str]| assert_eq!(readiness.reasons("store").unwrap(), expected);
        check(&["bus: starting", "database: starting"]);
        latch.holds("bus");
        check(&["database: starting"]);
        latch.holds("database");
        check(&[]);
        latch.fails("bus", "connection refused");
        check(&["bus: connection refused"]);
        assert_eq!(readiness.reasons("gateway"), None);
    }
}

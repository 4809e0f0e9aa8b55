//! How each watched repository is doing.

use std::sync::{Arc, Mutex, PoisonError};

use cause::CauseCode;
use event::{AccountName, Timestamp};
use oci_registry::RepositoryName;

use crate::RepositoryConfig;

/// One repository at a glance.
#[derive(Debug, Clone)]
pub struct RepositoryStatus {
    pub name: RepositoryName,
    pub account: AccountName,
    pub last_success_at: Option<Timestamp>,
    /// Of the last success.
    pub tags: Option<usize>,
    /// `None` while it works, and before its first turn.
    pub last_cause: Option<LastCause>,
}

/// Why a repository does not work now.
#[derive(Debug, Clone)]
pub struct LastCause {
    pub code: CauseCode,
    pub summary: String,
    /// The first failure without a success since.
    pub since: Timestamp,
    /// Failures since then.
    pub failures: u64,
}

/// The status of every watched repository, in the order of the configuration. Clones show the same board.
#[derive(Debug, Clone)]
pub struct StatusBoard(Arc<Mutex<Vec<RepositoryStatus>>>);

impl StatusBoard {
    pub(crate) fn new(repositories: &[RepositoryConfig]) -> Self {
        let status = |repository: &RepositoryConfig| RepositoryStatus {
            name: repository.name().clone(),
            account: repository.account.clone(),
            last_success_at: None,
            tags: None,
            last_cause: None,
        };
        Self(Arc::new(Mutex::new(repositories.iter().map(status).collect())))
    }

    /// As it is now.
    pub fn repositories(&self) -> Vec<RepositoryStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn succeeded(&self, index: usize, now: Timestamp, tags: usize) {
        self.change(index, |status| {
            status.last_success_at = Some(now);
            status.tags = Some(tags);
            status.last_cause = None;
        });
    }

    pub(crate) fn failed(&self, index: usize, cause: LastCause) {
        self.change(index, |status| status.last_cause = Some(cause));
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut RepositoryStatus)) {
        let mut statuses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = statuses.get_mut(index) {
            change(status);
        }
    }
}

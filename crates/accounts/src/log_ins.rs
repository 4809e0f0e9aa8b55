//! The log-ins of this process: each is let in or refused, counted, and told of when it failed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use event::{AccountName, Clock};
use service::client_address::ClientAddress;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::caller::Refusal;
use crate::failed_log_ins::{Bursts, FailedLogIns, Failure};
use crate::log_in_limit::{Attempt, LogInLimit};

/// How often to look whether a report about failed log-ins is due, while there are some.
const REPORT_CYCLE: Duration = Duration::from_secs(1);

pub struct LogIns {
    clock: Arc<dyn Clock>,
    limit: Mutex<LogInLimit>,
    bursts: Mutex<Bursts>,
    has_failed: Notify,
}

/// A log-in that is being checked.
pub struct LogIn<'a> {
    log_ins: &'a LogIns,
    client: &'a ClientAddress,
    attempt: Attempt,
}

impl LogIns {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, limit: Mutex::default(), bursts: Mutex::default(), has_failed: Notify::new() }
    }

    /// A log-in as `user`, whether or not there is such a user.
    ///
    /// # Errors
    /// [`Refusal::TooManyFailures`], see [`LogIn::check`].
    pub fn begin<'a>(&'a self, client: &'a ClientAddress, user: &str) -> Result<LogIn<'a>, Refusal> {
        let from = client.to_string();
        let attempt = Attempt { client: key(&[&from]), user: key(&[user]), pair: key(&[&from, user]) };
        let log_in = LogIn { log_ins: self, client, attempt };
        log_in.check().map(|()| log_in)
    }

    /// Waits for the next reports.
    pub async fn next_reports(&self) -> Vec<FailedLogIns> {
        loop {
            let failed = self.has_failed.notified();
            let (due, is_quiet) = {
                let mut bursts = lock(&self.bursts);
                (bursts.take_due(self.clock.now()), bursts.is_empty())
            };
            if !due.is_empty() {
                return due;
            }
            if is_quiet {
                failed.await;
            } else {
                tokio::time::sleep(REPORT_CYCLE).await;
            }
        }
    }

    /// What was not reported yet.
    pub fn take_reports(&self) -> Vec<FailedLogIns> {
        lock(&self.bursts).take_all()
    }
}

impl LogIn<'_> {
    /// Again, for a log-in that has waited: others may have failed meanwhile.
    ///
    /// # Errors
    /// [`Refusal::TooManyFailures`], whether or not the credentials are right.
    pub fn check(&self) -> Result<(), Refusal> {
        let checked = lock(&self.log_ins.limit).check(&self.attempt, self.log_ins.clock.now());
        checked.map_err(|wait| {
            self.note(&Failure::Refused);
            Refusal::TooManyFailures { wait }
        })
    }

    pub fn succeeded(&self) {
        lock(&self.log_ins.limit).succeeded(&self.attempt, self.log_ins.clock.now());
    }

    /// `user` is the account that was named, if there is one.
    pub fn failed(&self, user: Option<&AccountName>) {
        lock(&self.log_ins.limit).failed(&self.attempt, self.log_ins.clock.now());
        self.note(&Failure::Wrong(user));
    }

    fn note(&self, failure: &Failure<'_>) {
        lock(&self.log_ins.bursts).note(&self.client.to_string(), failure, self.log_ins.clock.now());
        self.log_ins.has_failed.notify_one();
    }
}

fn key(parts: &[&str]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    *digest.first_chunk().expect("32 bytes hold 16")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it is held")
}

//! What is told of failed log-ins: one report for a burst of them, not one for each guess.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cause::{Cause, CauseCode};
use event::{AccountName, Details, Timestamp};

/// How long the failures of a client are gathered before the first report.
const GATHER: Duration = Duration::from_secs(5);
/// How long they are gathered after a report: a client that goes on is reported this often.
const REPEAT: Duration = Duration::from_mins(10);
/// Most clients told apart; the failures of more are gathered as one.
const CLIENTS_MAX: usize = 50;
/// Most accounts named in a report.
const USERS_MAX: usize = 10;

/// Failed log-ins from one place, gathered for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLogIns {
    /// From where: an address, or several.
    pub client: String,
    /// As which accounts. Of names that are no account only the count is kept: people type passwords there.
    pub users: BTreeSet<AccountName>,
    /// Log-ins with a wrong password, or as somebody who has no account.
    pub failures: u64,
    /// Those of `failures` as somebody who has no account.
    pub unknown_users: u64,
    /// Log-ins that were refused unchecked, because too many had failed.
    pub refused: u64,
    pub since: Timestamp,
    pub until: Timestamp,
}

impl FailedLogIns {
    fn new(client: &str, now: Timestamp) -> Self {
        Self {
            client: client.to_owned(),
            users: BTreeSet::new(),
            failures: 0,
            unknown_users: 0,
            refused: 0,
            since: now,
            until: now,
        }
    }

    /// Whom it concerns, where that is one account.
    pub fn only_user(&self) -> Option<&AccountName> {
        self.users.first().filter(|_| self.users.len() == 1 && self.unknown_users == 0)
    }

    /// What an event tells.
    pub fn into_details(self) -> Details {
        let Self { client, users, failures, unknown_users, refused, since, until } = self;
        let hint = if unknown_users == failures && users.is_empty() {
            "Somebody tries names that have no account here. If that is none of your programs, keep that address away \
             from this port."
        } else {
            "If that is one of your programs, set the right password in its environment or in ~/.anchore/credentials.yaml. \
             If not, somebody is guessing: keep that address away from this port, and change the password."
        };
        let users: Vec<String> = users.iter().map(ToString::to_string).collect();
        Cause::new(CauseCode::Auth, format!("{failures} failed log-ins from {client}"), hint)
            .with_evidence("client", client)
            .with_evidence("users", users)
            .with_evidence("failures", failures)
            .with_evidence("unknown_users", unknown_users)
            .with_evidence("refused_unchecked", refused)
            .with_evidence("since", since.to_string())
            .with_evidence("until", until.to_string())
            .into_details()
    }
}

/// A failure to be gathered.
pub enum Failure<'a> {
    /// A wrong password; `None` for somebody who has no account.
    Wrong(Option<&'a AccountName>),
    /// Refused unchecked.
    Refused,
}

/// The bursts under way.
#[derive(Debug, Default)]
pub struct Bursts {
    clients: BTreeMap<String, Burst>,
}

#[derive(Debug)]
struct Burst {
    /// Since the last report; `None` while there was nothing more.
    gathered: Option<FailedLogIns>,
    report_at: Timestamp,
}

impl Bursts {
    pub fn note(&mut self, client: &str, failure: &Failure<'_>, now: Timestamp) {
        let is_known = self.clients.contains_key(client);
        let client = if is_known || self.clients.len() < CLIENTS_MAX { client } else { "several other addresses" };
        let first = || Burst { gathered: None, report_at: now.plus(GATHER) };
        let burst = self.clients.entry(client.to_owned()).or_insert_with(first);
        let gathered = burst.gathered.get_or_insert_with(|| FailedLogIns::new(client, now));
        gathered.until = now;
        match failure {
            Failure::Refused => gathered.refused += 1,
            Failure::Wrong(user) => {
                gathered.failures += 1;
                match user {
                    None => gathered.unknown_users += 1,
                    Some(user) if gathered.users.len() < USERS_MAX => drop(gathered.users.insert((*user).clone())),
                    Some(_) => {}
                }
            }
        }
    }

    /// What is to be reported now.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<FailedLogIns> {
        let mut due = Vec::new();
        self.clients.retain(|_, burst| {
            if burst.report_at > now {
                return true;
            }
            burst.report_at = now.plus(REPEAT);
            let gathered = burst.gathered.take();
            let goes_on = gathered.is_some();
            due.extend(gathered);
            goes_on
        });
        due
    }

    /// What has not been reported yet.
    pub fn take_all(&mut self) -> Vec<FailedLogIns> {
        std::mem::take(&mut self.clients).into_values().filter_map(|burst| burst.gathered).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_530_330_987_000_000 + seconds * 1_000_000).unwrap()
    }

    fn counts(reports: &[FailedLogIns]) -> Vec<(&str, u64)> {
        reports.iter().map(|report| (report.client.as_str(), report.failures)).collect()
    }

    #[test]
    fn a_burst_is_one_report_and_what_goes_on_another_one_later() {
        let mut bursts = Bursts::default();
        let alice: AccountName = "alice".parse().unwrap();
        for second in 0..3 {
            bursts.note("192.0.2.1", &Failure::Wrong(Some(&alice)), at(second));
        }
        bursts.note("192.0.2.1", &Failure::Refused, at(3));
        bursts.note("192.0.2.9", &Failure::Wrong(None), at(4));
        assert!(bursts.take_due(at(4)).is_empty());
        let reports = bursts.take_due(at(5));
        assert_eq!(counts(&reports), [("192.0.2.1", 3)]);
        assert_eq!((reports[0].refused, reports[0].only_user()), (1, Some(&alice)));
        bursts.note("192.0.2.1", &Failure::Wrong(None), at(6));
        assert_eq!(counts(&bursts.take_due(at(100))), [("192.0.2.9", 1)]);
        assert_eq!(counts(&bursts.take_due(at(605))), [("192.0.2.1", 1)]);
        assert!(bursts.take_due(at(2000)).is_empty() && bursts.is_empty());
    }

    #[test]
    fn names_that_are_no_account_are_not_told() {
        let mut bursts = Bursts::default();
        bursts.note("192.0.2.1", &Failure::Wrong(None), at(0));
        let report = bursts.take_all().remove(0);
        assert_eq!(report.only_user(), None);
        let details = report.into_details();
        let told = details.as_json();
        for part in [r#""unknown_users":1"#, r#""users":[]"#, r#""client":"192.0.2.1""#, r#""code":"auth""#] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn many_clients_are_gathered_as_one() {
        let mut bursts = Bursts::default();
        for number in 0..200 {
            bursts.note(&format!("192.0.2.{number}"), &Failure::Wrong(None), at(0));
        }
        let reports = bursts.take_due(at(5));
        assert_eq!(reports.len(), CLIENTS_MAX + 1);
        assert_eq!(reports.iter().map(|report| report.failures).sum::<u64>(), 200);
    }
}

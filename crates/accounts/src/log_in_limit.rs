//! How many failed log-ins are borne before further ones are refused unchecked.
//!
//! Three counts, each of which drains with time:
//! - of one user from one client: guessing one password, and the usual typing errors;
//! - of one client, whoever it claims to be: trying one password on many names;
//! - of one user from all clients together: guessing from many machines.
//!
//! The last two do not refuse a user whose password was right from that client lately: otherwise anybody could lock
//! anybody out. Unknown names count like known ones, so the answer does not tell which is which.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use event::Timestamp;

/// Failures of one user from one client: this many at once, and then one in this time.
const PAIR: Allowance = Allowance { failures_max: 10, drain: Duration::from_secs(10) };
/// Failures of one client.
const CLIENT: Allowance = Allowance { failures_max: 50, drain: Duration::from_secs(1) };
/// Failures of one user.
const USER: Allowance = Allowance { failures_max: 100, drain: Duration::from_secs(1) };
/// How long a right password vouches for a user at a client.
const TRUST: Duration = Duration::from_hours(1);
/// Most entries of each table; over it the one that would be forgotten soonest goes.
const ENTRIES_MAX: usize = 10_000;

struct Allowance {
    failures_max: u32,
    drain: Duration,
}

/// A digest of a client, of a user, or of both: a bounded key for texts of any length.
pub type Key = [u8; 16];

/// Whose log-in it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub client: Key,
    pub user: Key,
    pub pair: Key,
}

/// The counts. Each entry is the time at which nothing of it would be left.
#[derive(Debug, Default)]
pub struct LogInLimit {
    pairs: HashMap<Key, Timestamp>,
    clients: HashMap<Key, Timestamp>,
    users: HashMap<Key, Timestamp>,
    /// Until when each pair is vouched for.
    trusted: HashMap<Key, Timestamp>,
}

impl LogInLimit {
    /// # Errors
    /// How long to wait, where no further log-in is looked at now.
    pub fn check(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Duration> {
        PAIR.check(self.pairs.get(&attempt.pair), now)?;
        if self.trusted.get(&attempt.pair).is_some_and(|until| *until > now) {
            return Ok(());
        }
        CLIENT.check(self.clients.get(&attempt.client), now)?;
        USER.check(self.users.get(&attempt.user), now)
    }

    pub fn failed(&mut self, attempt: &Attempt, now: Timestamp) {
        PAIR.count(&mut self.pairs, attempt.pair, now);
        CLIENT.count(&mut self.clients, attempt.client, now);
        USER.count(&mut self.users, attempt.user, now);
    }

    pub fn succeeded(&mut self, attempt: &Attempt, now: Timestamp) {
        put(&mut self.trusted, attempt.pair, plus(now, TRUST), now);
    }
}

impl Allowance {
    fn check(&self, drained_at: Option<&Timestamp>, now: Timestamp) -> Result<(), Duration> {
        let Some(drained_at) = drained_at else { return Ok(()) };
        let full = self.drain * self.failures_max;
        let left = drained_at.since(now);
        // Room for one more failure.
        match (left + self.drain).checked_sub(full) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(wait),
        }
    }

    fn count(&self, entries: &mut HashMap<Key, Timestamp>, key: Key, now: Timestamp) {
        let begin = entries.get(&key).copied().unwrap_or(now).max(now);
        put(entries, key, plus(begin, self.drain), now);
    }
}

fn put<K: Copy + Eq + Hash>(entries: &mut HashMap<K, Timestamp>, key: K, until: Timestamp, now: Timestamp) {
    if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
        entries.retain(|_, until| *until > now);
        if entries.len() >= ENTRIES_MAX
            && let Some(soonest) = entries.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key)
        {
            entries.remove(&soonest);
        }
    }
    entries.insert(key, until);
}

fn plus(time: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.as_micros().saturating_add(micros)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_530_330_987_000_000 + seconds * 1_000_000).unwrap()
    }

    fn attempt(client: u8, user: u8) -> Attempt {
        let mut pair = [client; 16];
        pair[8..].fill(user);
        Attempt { client: [client; 16], user: [user; 16], pair }
    }

    /// Fails until refused; how often.
    fn guesses(limit: &mut LogInLimit, attempts: impl Iterator<Item = Attempt>, now: Timestamp) -> usize {
        let mut count = 0;
        for attempt in attempts {
            if limit.check(&attempt, now).is_err() {
                return count;
            }
            limit.failed(&attempt, now);
            count += 1;
        }
        count
    }

    #[test]
    fn one_user_from_one_client_fails_ten_times_and_then_once_in_ten_seconds() {
        let mut limit = LogInLimit::default();
        let same = || std::iter::repeat(attempt(1, 1));
        assert_eq!(guesses(&mut limit, same(), at(0)), 10);
        assert_eq!(limit.check(&attempt(1, 1), at(0)), Err(Duration::from_secs(10)));
        assert_eq!(limit.check(&attempt(1, 1), at(4)), Err(Duration::from_secs(6)));
        assert_eq!(guesses(&mut limit, same(), at(10)), 1);
        assert_eq!(guesses(&mut limit, same(), at(1000)), 10);
        // Others go on.
        assert_eq!(limit.check(&attempt(1, 2), at(1000)), Ok(()));
        assert_eq!(limit.check(&attempt(2, 1), at(1000)), Ok(()));
    }

    #[test]
    fn one_client_with_many_names_is_refused() {
        let mut limit = LogInLimit::default();
        limit.succeeded(&attempt(1, 250), at(0));
        assert_eq!(guesses(&mut limit, (0..200).map(|user| attempt(1, user)), at(0)), 50);
        assert_eq!(limit.check(&attempt(1, 250), at(0)), Ok(()), "whoever was right lately goes on");
        assert!(limit.check(&attempt(1, 250), at(3601)).is_ok(), "the count has drained by then");
    }

    #[test]
    fn one_user_from_many_clients_is_refused_but_where_it_was_right() {
        let mut limit = LogInLimit::default();
        limit.succeeded(&attempt(250, 1), at(0));
        assert_eq!(guesses(&mut limit, (0..200).map(|client| attempt(client, 1)), at(0)), 100);
        assert_eq!(limit.check(&attempt(250, 1), at(0)), Ok(()));
        assert_eq!(limit.check(&attempt(249, 1), at(0)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn the_tables_are_bounded() {
        let mut entries = HashMap::new();
        for number in 0..ENTRIES_MAX + 5 {
            put(&mut entries, number, at(100 + i64::try_from(number).unwrap()), at(0));
        }
        assert_eq!(entries.len(), ENTRIES_MAX);
        assert!(!entries.contains_key(&0) && entries.contains_key(&(ENTRIES_MAX + 4)));
        put(&mut entries, usize::MAX, at(1_000_000), at(100_000));
        assert_eq!(entries.len(), 1, "what is over goes first");
    }
}

//! Every watch that is kept at present: how it is doing, for whoever asks, and a way to wake it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cause::CauseCode;
use event::Timestamp;
use oci_registry::{Digest, RegistryName, TagName};
use tokio::sync::Notify;

use crate::{Watch, WatchKey};

/// Most tags of one watch that are remembered until it wakes; with more, all are listed.
const NUDGED_TAGS_MAX: usize = 1000;

/// The watches of this process. Clones show the same ones.
#[derive(Clone, Default)]
pub struct Roster(Arc<Mutex<BTreeMap<WatchKey, Arc<Post>>>>);

/// One watch at a glance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchStatus {
    pub last_success_at: Option<Timestamp>,
    /// Of the last success.
    pub tags: Option<usize>,
    /// Tags that were there at the first sight and have not been looked up yet. `None` before the first sight, and while
    /// the database is away from the start.
    pub pending: Option<usize>,
    /// `None` while it works, and before its first turn.
    pub last_cause: Option<LastCause>,
    /// Nothing is asked of the registry before.
    pub held_until: Option<Timestamp>,
}

/// Why a watch does not work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCause {
    pub code: CauseCode,
    pub summary: String,
    pub hint: String,
    /// The first failure without a success since.
    pub since: Timestamp,
    /// Failures since then.
    pub failures: u64,
    /// What failed: `listing` or `lookup`.
    pub during: &'static str,
}

/// The place of one watch.
pub(crate) struct Post {
    pub(crate) watch: Watch,
    status: Mutex<WatchStatus>,
    nudges: Mutex<Nudges>,
    pub(crate) wake: Notify,
}

/// What a watch is asked to look at before its time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Nudges {
    pub(crate) lists: bool,
    /// Each with what it is said to mean.
    pub(crate) tags: BTreeMap<TagName, Option<Digest>>,
}

impl Roster {
    /// How each watch is doing, by account, name and tag.
    pub fn statuses(&self) -> Vec<(WatchKey, WatchStatus)> {
        lock(&self.0).iter().map(|(key, post)| (key.clone(), post.status())).collect()
    }

    pub fn status(&self, key: &WatchKey) -> Option<WatchStatus> {
        lock(&self.0).get(key).map(|post| post.status())
    }

    pub(crate) fn put(&self, watch: Watch) -> Arc<Post> {
        let post = Arc::new(Post {
            watch: watch.clone(),
            status: Mutex::default(),
            nudges: Mutex::default(),
            wake: Notify::new(),
        });
        lock(&self.0).insert(watch.key, Arc::clone(&post));
        post
    }

    pub(crate) fn remove(&self, key: &WatchKey) {
        lock(&self.0).remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// The watches of the repository `path`: those at `registry`, or, where none is there, at any. A registry is often
    /// known to itself by another name than to others, and a nudge too many does no harm.
    pub(crate) fn find(&self, registry: Option<&RegistryName>, path: &str) -> Vec<Arc<Post>> {
        let roster = lock(&self.0);
        let posts: Vec<_> = roster.values().filter(|post| post.watch.key.repository.path() == path).collect();
        let is_there = |post: &&&Arc<Post>| registry.is_none_or(|name| post.watch.key.repository.registry() == name);
        let there: Vec<_> = posts.iter().filter(is_there).map(|post| Arc::clone(post)).collect();
        if there.is_empty() { posts.into_iter().map(Arc::clone).collect() } else { there }
    }
}

impl Post {
    pub(crate) fn status(&self) -> WatchStatus {
        lock(&self.status).clone()
    }

    pub(crate) fn change_status(&self, change: impl FnOnce(&mut WatchStatus)) {
        change(&mut lock(&self.status));
    }

    /// Has the watch look at `tag` as soon as it can; it is said to mean `digest`.
    pub(crate) fn nudge(&self, tag: TagName, digest: Option<Digest>) {
        let mut nudges = lock(&self.nudges);
        if nudges.tags.len() < NUDGED_TAGS_MAX {
            nudges.tags.insert(tag, digest);
        } else {
            nudges.lists = true;
        }
        self.wake.notify_one();
    }

    /// Has the watch look at the list of tags as soon as it can.
    pub(crate) fn nudge_listing(&self) {
        lock(&self.nudges).lists = true;
        self.wake.notify_one();
    }

    pub(crate) fn take_nudges(&self) -> Nudges {
        std::mem::take(&mut lock(&self.nudges))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(name: &str, account: &str, tag: Option<&str>) -> Watch {
        let key = WatchKey {
            account: account.parse().unwrap(),
            repository: name.parse().unwrap(),
            tag: tag.map(|tag| tag.parse().unwrap()),
        };
        Watch { key, insecure: false, is_configured: false }
    }

    #[test]
    fn watches_are_found_at_their_registry_or_else_by_their_path() {
        let roster = Roster::default();
        roster.put(watch("r.example/team/app", "alice", None));
        roster.put(watch("r.example/team/app", "bob", Some("1.0")));
        roster.put(watch("s.example/team/app", "alice", None));
        let found = |registry: &str, path: &str| roster.find(registry.parse().ok().as_ref(), path).len();
        assert_eq!(found("r.example", "team/app"), 2);
        assert_eq!(found("internal:5000", "team/app"), 3);
        assert_eq!(found("r.example", "team/other"), 0);
        assert_eq!(roster.find(None, "team/app").len(), 3);
    }

    #[test]
    fn nudges_are_bounded_and_taken_once() {
        let post = Roster::default().put(watch("r.example/a", "alice", None));
        post.nudge("1".parse().unwrap(), None);
        let one = post.take_nudges();
        assert_eq!((one.lists, one.tags.len()), (false, 1));
        assert_eq!(post.take_nudges(), Nudges::default());
        for number in 0..=NUDGED_TAGS_MAX {
            post.nudge(number.to_string().parse().unwrap(), None);
        }
        let many = post.take_nudges();
        assert_eq!((many.lists, many.tags.len()), (true, NUDGED_TAGS_MAX));
    }
}

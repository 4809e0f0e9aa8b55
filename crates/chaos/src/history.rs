//! What was done to the store, as far as those who did it know.

use std::collections::{HashMap, HashSet};

use event::EventId;

/// Which event of which source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// By its place in the script.
    pub source: usize,
    pub sequence: u64,
}

#[derive(Debug, Default)]
pub struct History {
    /// Reported as durable: by an answer of `PublishEvents`, or by the return of `emit`.
    pub durable: HashMap<EventId, Place>,
    /// The last sequence number of each source that was tried, whatever became of it.
    pub tried: HashMap<usize, u64>,
    /// Deleted, by the store's own word.
    pub deleted: HashSet<EventId>,
    /// A call that deletes these broke off.
    pub perhaps_deleted: HashSet<EventId>,
    /// A purge of these broke off: source and `resource.id`.
    pub perhaps_purged: HashSet<(usize, String)>,
    /// Sources whose clock was set back: their times do not grow with their numbers.
    pub set_back: HashSet<usize>,
    /// Calls that were answered in a way in which they never should be.
    pub refusals: Vec<String>,
}

impl History {
    pub fn tries(&mut self, place: Place) {
        let tried = self.tried.entry(place.source).or_default();
        *tried = (*tried).max(place.sequence);
    }

    pub fn was_tried(&self, place: Place) -> bool {
        self.tried.get(&place.source).is_some_and(|tried| place.sequence <= *tried)
    }
}

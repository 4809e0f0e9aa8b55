//! What the store is known to have, so that a receiver that asks for an event by its id finds it.
//!
//! The store tells after each commit; that may be heard before the event is dispatched here, or after. Either way the
//! delivery is due then, and it is due anyway after [`GRACE`]: telling does not depend on the store.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Notes, STORED, StoredNote};
use event::{Clock, EventId, Timestamp};
use futures::StreamExt;
use service::retry::Waits;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::deliveries::Deliveries;

/// How long a delivery waits to hear that its event is stored.
pub const GRACE: Duration = Duration::from_secs(5);
/// IDs that are remembered either way; of more, the oldest are forgotten, and the grace is what is left to them.
const IDS_MAX: usize = 100_000;

/// What was heard, and what is waited for. Cheap to clone.
#[derive(Clone, Default)]
pub struct StoredEvents {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Heard of, and not dispatched yet.
    heard: Bounded<Timestamp>,
    /// Dispatched, and not heard of yet.
    awaited: Bounded<()>,
}

impl StoredEvents {
    /// When the store took `event` in, if that was heard.
    pub fn stored_at(&self, event: EventId) -> Option<Timestamp> {
        self.lock().heard.map.get(&event).copied()
    }

    /// These were dispatched. Returns those of which it was not known in time, but is now.
    pub fn await_all(&self, events: impl IntoIterator<Item = (EventId, bool)>) -> Vec<(EventId, Timestamp)> {
        let mut shared = self.lock();
        let mut late = Vec::new();
        for (event, was_known) in events {
            match shared.heard.remove(event) {
                Some(stored_at) if !was_known => late.push((event, stored_at)),
                Some(_) => {}
                None if was_known => {}
                None => shared.awaited.insert(event, ()),
            }
        }
        late
    }

    /// The store has these. Returns those that were dispatched already.
    fn hear(&self, note: &StoredNote) -> Vec<EventId> {
        let mut shared = self.lock();
        let mut awaited = Vec::new();
        for event in note.ids.iter().filter_map(|id| id.parse().ok()) {
            if shared.awaited.remove(event).is_some() {
                awaited.push(event);
            } else {
                shared.heard.insert(event, note.stored_at);
            }
        }
        awaited
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it is held")
    }
}

/// A map that forgets what was put into it first.
struct Bounded<T> {
    map: HashMap<EventId, T>,
    order: VecDeque<EventId>,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { map: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Bounded<T> {
    fn insert(&mut self, event: EventId, value: T) {
        if self.map.insert(event, value).is_none() {
            self.order.push_back(event);
        }
        while self.order.len() > IDS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.map.remove(&oldest);
            }
        }
    }

    /// Its place in the order stays, and is passed over.
    fn remove(&mut self, event: EventId) -> Option<T> {
        self.map.remove(&event)
    }
}

/// Hears what the store tells.
pub struct Listening {
    pub stored: StoredEvents,
    pub notes: Arc<dyn Notes>,
    pub deliveries: Deliveries,
    pub clock: Arc<dyn Clock>,
    /// Woken when something has become due.
    pub due: Arc<Notify>,
}

impl Listening {
    /// Until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            match self.notes.hear(STORED).await {
                Err(error) => debug!(error = error.chain(), "cannot hear what the store tells"),
                Ok(mut notes) => {
                    while let Some(Some(note)) = stop.run_until_cancelled(notes.next()).await {
                        waits.reset();
                        if let Some(note) = StoredNote::decode(&note) {
                            self.take(&note).await;
                        }
                    }
                }
            }
            waits.pause(&stop).await;
        }
    }

    /// A failure costs the grace, no more.
    async fn take(&self, note: &StoredNote) {
        let awaited: HashSet<EventId> = self.stored.hear(note).into_iter().collect();
        if awaited.is_empty() {
            return;
        }
        let awaited: Vec<EventId> = awaited.into_iter().collect();
        match self.deliveries.note_stored(&awaited, note.stored_at, self.clock.now()).await {
            Ok(()) => self.due.notify_one(),
            Err(error) => warn!(error = error.chain(), "could not note what the store has; it is sent a little later"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(ids: &[EventId]) -> StoredNote {
        let stored_at = "2018-06-30T00:00:00Z".parse().unwrap();
        StoredNote { stored_at, ids: ids.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn it_does_not_matter_which_comes_first() {
        let (early, late, between) = (EventId::generate(), EventId::generate(), EventId::generate());
        let stored = StoredEvents::default();
        assert!(stored.hear(&note(&[early])).is_empty());
        assert!(stored.stored_at(early).is_some());
        assert!(stored.stored_at(between).is_none());
        stored.hear(&note(&[between]));
        let became_known = stored.await_all([(early, true), (late, false), (between, false)]);
        assert_eq!(became_known.into_iter().map(|(event, _)| event).collect::<Vec<_>>(), [between]);
        assert_eq!(stored.hear(&note(&[late])), [late]);
        assert!(stored.stored_at(early).is_none(), "what was used is forgotten");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let stored = StoredEvents::default();
        let first = EventId::generate();
        stored.hear(&note(&[first]));
        let others: Vec<EventId> = (0..IDS_MAX).map(|_| EventId::generate()).collect();
        stored.hear(&note(&others));
        assert!(stored.stored_at(first).is_none());
        assert!(stored.lock().heard.map.len() <= IDS_MAX);
    }
}

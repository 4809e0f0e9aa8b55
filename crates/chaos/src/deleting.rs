//! Deletions during the run: of single events and by filter. What is deleted must not come back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::EventId;
use proto::events::v1::EventFilter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::door::Door;
use crate::history::History;
use crate::random::Random;
use crate::script::Script;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_millis(1500);
/// Single events deleted in one go.
const SINGLE_MAX: u64 = 5;

/// The newest events of a source.
const NEW_EVENTS: usize = 60;

pub struct Deleter {
    /// Name of each source.
    sources: Vec<String>,
    /// By source, then one for each door.
    doors: Vec<Vec<Door>>,
    history: Arc<Mutex<History>>,
    random: Random,
}

impl Deleter {
    pub fn new(script: &Script, doors: Vec<Vec<Door>>, history: Arc<Mutex<History>>) -> Self {
        let sources = script.sources.iter().map(|source| source.name.clone()).collect();
        Self { sources, doors, history, random: Random::of(script.seed, "deletions") }
    }

    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            sleep(self.random.between(PAUSE_MIN, PAUSE_MAX)).await;
            let number = self.random.index(self.sources.len());
            let through = self.random.index(self.doors[number].len());
            let mut door = self.doors[number][through].clone();
            let filter = EventFilter { host_id: self.sources[number].clone(), ..EventFilter::default() };
            // What is listed is stored for certain. While nothing can be listed, nothing is deleted.
            let Ok((events, _)) = door.list(Some(filter.clone()), String::new()).await else { continue };
            if events.is_empty() {
                continue;
            }
            // Often new ones: what is deleted soon after it was stored is what may still be on its way a second time.
            let events = if self.random.one_in(2) { &events[..events.len().min(NEW_EVENTS)] } else { &events[..] };
            if self.random.one_in(2) {
                let part = self.random.pick(events).resource.clone().unwrap_or_default().id;
                self.purge(&mut door, number, EventFilter { resource_id: part, ..filter }).await;
            } else {
                for _ in 0..=self.random.below(SINGLE_MAX) {
                    let id = self.random.pick(events).id.parse().expect("an ID of the store");
                    self.delete(&mut door, id).await;
                }
            }
        }
    }

    async fn purge(&mut self, door: &mut Door, source: usize, filter: EventFilter) {
        let part = filter.resource_id.clone();
        let purged = door.purge(filter, self.random.one_in(2)).await;
        let mut history = self.history.lock().expect("nothing panics while it is held");
        history.deleted.extend(purged.ids);
        if !purged.is_complete {
            history.perhaps_purged.insert((source, part));
        }
    }

    async fn delete(&mut self, door: &mut Door, id: EventId) {
        let answer = door.delete(id).await;
        let mut history = self.history.lock().expect("nothing panics while it is held");
        match answer {
            Ok(()) => {
                history.deleted.insert(id);
            }
            // Picked twice, or purged since it was listed. One that is gone for no reason is found by the checker.
            Err(status) if status.code() == Code::NotFound => {}
            Err(_) => {
                history.perhaps_deleted.insert(id);
            }
        }
    }
}

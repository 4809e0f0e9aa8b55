//! A source that publishes through the doors, and does not give up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::EventId;
use proto::events::v1::{Event, Level, Resource, Source};
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Code;

use crate::content;
use crate::door::Door;
use crate::history::{History, Place};
use crate::random::Random;
use crate::script::{Burst, SourceScript};

const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);

pub struct Publisher {
    pub seed: u64,
    /// Its place in the script.
    pub number: usize,
    pub source: SourceScript,
    /// Another one is tried after each failure.
    pub doors: Vec<Door>,
    pub history: Arc<Mutex<History>>,
    pub begun: Instant,
}

/// What became of a source's events.
#[derive(Debug, Default, Clone, Copy)]
pub struct Published {
    pub calls: u64,
    /// Calls that failed and were made again.
    pub failures: u64,
    /// The longest from the first call of a burst to its acknowledgement.
    pub slowest: Duration,
}

impl Publisher {
    /// Until all is acknowledged. Never ends while the system does not take events; the caller has the deadline.
    pub async fn run(mut self) -> Published {
        let mut published = Published::default();
        let mut random = Random::of(self.seed, &format!("{} doors", self.source.name));
        for burst in std::mem::take(&mut self.source.bursts) {
            sleep_until(self.begun + burst.at).await;
            for _ in 0..=u8::from(burst.repeats) {
                self.publish(&burst, &mut random, &mut published).await;
            }
        }
        published
    }

    async fn publish(&mut self, burst: &Burst, random: &mut Random, published: &mut Published) {
        for sequence in burst.sequences() {
            self.history().tries(Place { source: self.number, sequence });
        }
        let begun = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let events: Vec<Event> = burst.sequences().map(|sequence| self.event(sequence)).collect();
            let expected: Vec<String> = events.iter().map(|event| event.id.clone()).collect();
            let door = random.index(self.doors.len());
            published.calls += 1;
            match self.doors[door].publish(events).await {
                Ok(ids) if ids == expected => break,
                Ok(ids) => {
                    self.refused(&format!("{} events were published, {} IDs came back", expected.len(), ids.len()));
                }
                // The same events again would be refused again, so it is not the faults' doing.
                Err(status) if is_refusal(status.code()) => {
                    self.refused(&format!("{}: {}", status.code(), status.message()));
                }
                Err(_) => {}
            }
            published.failures += 1;
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        published.slowest = published.slowest.max(begun.elapsed());
        for sequence in burst.sequences() {
            self.history().durable.insert(self.id(sequence), Place { source: self.number, sequence });
        }
    }

    fn refused(&self, what: &str) {
        let line = format!("{}: {what}", self.source.name);
        self.history().refusals.push(line);
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().expect("nothing panics while it is held")
    }

    fn id(&self, sequence: u64) -> EventId {
        content::published_id(self.seed, &self.source.name, sequence)
    }

    fn event(&self, sequence: u64) -> Event {
        let name = &self.source.name;
        Event {
            id: self.id(sequence).to_string(),
            r#type: "list_tags_fail".to_owned(),
            level: Level::Error.into(),
            message: "Failed to list tags in repository".to_owned(),
            details_json: content::details(self.seed, name, sequence).as_json().to_owned(),
            resource: Some(Resource {
                account: String::new(),
                r#type: "repository".to_owned(),
                id: content::part(sequence),
            }),
            source: Some(Source { service: "catalog".to_owned(), host_id: name.clone(), ..Source::default() }),
            occurred_at: Some(proto::timestamp_to_proto(content::published_at(sequence))),
            stored_at: None,
        }
    }
}

fn is_refusal(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::PermissionDenied | Code::Unauthenticated)
}

//! Watching over the log of this process: metrics, readiness, and events when people should know.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus::{Fill, Log};
use cause::{Cause, CauseCode};
use emitter::{Emitter, Notice};
use event::{Clock, Details, Timestamp};
use service::readiness::Latch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::FillMetrics;
use crate::level::{Level, describe};

/// The conditions that it keeps: room for more, and a disk that takes it.
pub const ROOM: &str = "room";
pub const DISK: &str = "disk";

/// How often to look.
const CYCLE: Duration = Duration::from_secs(5);
/// Most events that wait for the log to take them; the oldest go first when there are more.
const OWED_MAX: usize = 16;

/// Watches over a log.
///
/// What it has to tell goes through the very log that it tells about. It tells when a fifth of the room is left, which is
/// enough; where the log was filled faster than that, the event is owed until there is room again, and says since when it
/// was crowded. Readiness and metrics need no room.
pub struct Keeper {
    log: Arc<dyn Log>,
    emitter: Emitter,
    clock: Arc<dyn Clock>,
    latch: Latch,
    metrics: FillMetrics,
    /// What the log is called, for people.
    name: String,
    crowded: Option<Crowded>,
    /// As it was found the last time.
    before: Option<Fill>,
    owed: VecDeque<(&'static str, String, Details)>,
}

/// The log is near a bound.
struct Crowded {
    since: Timestamp,
    /// How full it was then.
    description: String,
}

impl Keeper {
    pub fn new(
        name: String,
        log: Arc<dyn Log>,
        emitter: Emitter,
        clock: Arc<dyn Clock>,
        latch: Latch,
        metrics: FillMetrics,
    ) -> Self {
        let owed = VecDeque::new();
        Self { log, emitter, clock, latch, metrics, name, crowded: None, before: None, owed }
    }

    /// Until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            self.look().await;
            if tokio::time::timeout(CYCLE, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    /// Looks once, and tells what there is to tell.
    pub async fn look(&mut self) {
        match self.log.check().await {
            Ok(()) => self.latch.holds(DISK),
            Err(error) => self.latch.fails(DISK, error.chain()),
        }
        match self.log.fill().await {
            Ok(fill) => self.judge(fill),
            Err(error) => self.latch.fails(ROOM, error.chain()),
        }
        self.tell().await;
    }

    fn judge(&mut self, fill: Fill) {
        let now = self.clock.now();
        self.metrics.show(&fill, now);
        let level = Level::of(&fill, now);
        let description = describe(&fill, now);
        match (&self.crowded, level.is_crowded(self.crowded.is_some())) {
            (None, true) => {
                warn!(log = self.name, "the log comes near its bounds: {description}");
                self.owe("outbox_filling", self.name.clone(), filling(&description, level, now));
                self.crowded = Some(Crowded { since: now, description });
            }
            (Some(crowded), false) => {
                info!(log = self.name, "the log has room again: {description}");
                let details = relieved(&description, crowded.since);
                self.owe("outbox_relieved", self.name.clone(), details);
                self.crowded = None;
            }
            _ => {}
        }
        match &self.crowded {
            Some(Crowded { since, description }) => self.latch.fails(ROOM, format!("at {since}: {description}")),
            None => self.latch.holds(ROOM),
        }
        let aside_before = self.before.as_ref().map_or(0, |before| before.put_aside);
        if fill.put_aside > aside_before {
            self.owe("outbox_put_aside", self.name.clone(), put_aside(fill.put_aside, fill.put_aside - aside_before));
        }
        let forgotten =
            self.before.iter().flat_map(|before| &before.consumers).filter(|consumer| {
                consumer.is_absent && fill.consumers.iter().all(|other| other.name != consumer.name)
            });
        let forgotten: Vec<(String, Details)> = forgotten
            .map(|consumer| (consumer.name.clone(), consumer_forgotten(&consumer.name, consumer.behind)))
            .collect();
        for (name, details) in forgotten {
            self.owe("consumer_forgotten", name, details);
        }
        self.before = Some(fill);
    }

    fn owe(&mut self, event_type: &'static str, resource_id: String, details: Details) {
        if self.owed.len() == OWED_MAX {
            self.owed.pop_front();
        }
        self.owed.push_back((event_type, resource_id, details));
    }

    /// In order, until one cannot be told yet.
    async fn tell(&mut self) {
        while let Some((event_type, resource_id, details)) = self.owed.front().cloned() {
            let notice = Notice {
                kind: event::lookup(event_type).expect("the catalogue of events has it"),
                account: "admin".parse().expect("a valid account name"),
                resource_id: Some(resource_id),
                details,
            };
            if let Err(error) = self.emitter.emit(notice).await {
                warn!(event.type = event_type, error = error.chain(), "cannot report yet, trying again later");
                return;
            }
            self.owed.pop_front();
        }
    }
}

fn filling(description: &str, level: Level, now: Timestamp) -> Details {
    let hint = "Find out who does not take them: `anchore-events health` names what is away. At `bus.outbox.max_bytes` new \
                events are refused, at `bus.outbox.max_age` old ones are put aside; neither loses what was taken.";
    Cause::new(CauseCode::Unavailable, description, hint)
        .with_evidence("bytes_percent", level.bytes_percent)
        .with_evidence("age_percent", level.age_percent)
        .with_evidence("crowded_since", now.to_string())
        .into_details()
}

fn relieved(description: &str, since: Timestamp) -> Details {
    let details = serde_json::json!({ "msg": description, "crowded_since": since.to_string() });
    Details::from_value(&details)
}

fn put_aside(messages: u64, new: u64) -> Details {
    let hint = "`anchore-events bus` lists them with their reasons. When what they name is mended, `anchore-events bus retry` \
                sends them; `anchore-events bus drop` is for what nobody needs any more.";
    Cause::new(
        CauseCode::Unavailable,
        format!("{messages} messages are put aside, {new} of them since the last look"),
        hint,
    )
    .with_evidence("messages", messages)
    .with_evidence("new", new)
    .into_details()
}

fn consumer_forgotten(name: &str, behind: u64) -> Details {
    let summary = format!(
        "no service of this process reads as `{name}`, and what was held back for it, {behind} messages, was in the way"
    );
    let hint =
        "Nothing, if the service was switched off for good. When it runs again it begins with what is there then.";
    Cause::new(CauseCode::Unavailable, summary, hint)
        .with_retryable(false)
        .with_evidence("consumer", name)
        .with_evidence("behind", behind)
        .into_details()
}

//! Who publishes what and when: drawn from the seed alone, before anything is started.

use std::fmt;
use std::time::Duration;

use crate::random::Random;
use crate::shape::Shape;
use crate::target::Target;

/// Events of one call, at most.
const BURST_EVENTS_MAX: u64 = 200;
/// Sources that publish through the doors.
const PUBLISHED_SOURCES: usize = 4;
/// Sources in each emitter's process, so that one outbox takes from several at once.
const SOURCES_OF_EMITTER: usize = 2;
/// The accounts that own the events, in turn.
pub const ACCOUNTS: [&str; 2] = ["admin", "alice"];

/// Everything that is published in one run.
pub struct Script {
    pub seed: u64,
    pub sources: Vec<SourceScript>,
}

/// What one source publishes, in this order, each event with the next sequence number; the first is 1.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceScript {
    /// The `source.host_id` of its events.
    pub name: String,
    pub account: &'static str,
    /// Which emitter's process it runs in; a source without one publishes through the doors.
    pub emitter: Option<Target>,
    pub bursts: Vec<Burst>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burst {
    /// Since the publishers began; later where the ones before are late.
    pub at: Duration,
    pub first: u64,
    pub events: u64,
    /// Published once more when all of it is durable, as a publisher does that did not hear so.
    pub repeats: bool,
}

impl Script {
    pub fn draw(seed: u64, shape: Shape, length: Duration, events: u64) -> Self {
        let mut owners: Vec<Option<Target>> = vec![None; PUBLISHED_SOURCES];
        for emitter in shape.emitters() {
            owners.extend([Some(emitter); SOURCES_OF_EMITTER]);
        }
        let events_each = events.div_ceil(owners.len() as u64);
        let script = |(number, emitter): (usize, Option<Target>)| {
            let name = match emitter {
                None => format!("publisher-{}", number + 1),
                Some(emitter) => format!("{emitter}-{}", number + 1),
            };
            let bursts = draw_bursts(&mut Random::of(seed, &name), length, events_each, emitter.is_none());
            SourceScript { name, account: ACCOUNTS[number % ACCOUNTS.len()], emitter, bursts }
        };
        Self { seed, sources: owners.into_iter().enumerate().map(script).collect() }
    }
}

impl Script {
    pub fn events(&self) -> u64 {
        self.sources.iter().map(SourceScript::events).sum()
    }
}

impl SourceScript {
    pub fn events(&self) -> u64 {
        self.bursts.iter().map(|burst| burst.events).sum()
    }
}

impl Burst {
    pub fn sequences(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.events
    }
}

fn draw_bursts(random: &mut Random, length: Duration, events: u64, repeats: bool) -> Vec<Burst> {
    let mut sizes = Vec::new();
    let mut left = events;
    while left > 0 {
        // Many are small, a few are large.
        let largest = if random.one_in(5) { BURST_EVENTS_MAX } else { BURST_EVENTS_MAX / 10 };
        let size = (1 + random.below(largest)).min(left);
        sizes.push(size);
        left -= size;
    }
    let mut times: Vec<Duration> = sizes.iter().map(|_| random.between(Duration::ZERO, length)).collect();
    times.sort_unstable();
    let mut first = 1;
    let mut bursts = Vec::new();
    for (at, events) in times.into_iter().zip(sizes) {
        bursts.push(Burst { at, first, events, repeats: repeats && random.one_in(6) });
        first += events;
    }
    bursts
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for source in &self.sources {
            let through = source.emitter.map_or("the doors".to_owned(), |emitter| format!("the outbox of {emitter}"));
            let (name, account) = (&source.name, source.account);
            let (events, bursts) = (source.events(), source.bursts.len());
            writeln!(f, "  {name:<13} {events:>6} events in {bursts} bursts through {through}, account {account}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_script_again() {
        let draw = |seed| Script::draw(seed, Shape::Nats, Duration::from_secs(20), 5000).sources;
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }

    #[test]
    fn sequences_have_no_gap() {
        let script = Script::draw(3, Shape::Nats, Duration::from_secs(20), 5000);
        assert!(script.sources.iter().map(SourceScript::events).sum::<u64>() >= 5000);
        for source in &script.sources {
            let sequences: Vec<u64> = source.bursts.iter().flat_map(Burst::sequences).collect();
            assert_eq!(sequences, (1..=source.events()).collect::<Vec<u64>>());
        }
    }
}

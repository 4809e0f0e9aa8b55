//! When which fault strikes: drawn from the seed alone, before anything is started.

use std::fmt;
use std::time::Duration;

use crate::disk::DiskKind;
use crate::fault::{Backing, CutMode, Fault, FaultKind, LEADERS_EVERY, Link, Seconds, StopMode, StoresMeanwhile};
use crate::random::Random;
use crate::shape::Shape;
use crate::target::Target;

/// On average, one fault strikes in this time.
const FAULT_INTERVAL: Duration = Duration::from_millis(2500);
/// What was hit has this long before it is hit again.
const RECOVERY: Duration = Duration::from_secs(1);
/// Nothing strikes before this: the publishers shall have begun.
const CALM_START: Duration = Duration::from_millis(500);
/// Oldest copy that is put back.
const COPY_AGE_MAX: Duration = Duration::from_mins(2);
/// The store's ack wait: what a replica holds goes to the other one after it. A replica is stopped for longer than that
/// only in schedules of twice its length.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// From this length on, what is killed may be away for long.
const LONG: Duration = Duration::from_mins(2);
/// A fault that finds no room in this many turns is left out.
const TURNS_MAX: usize = 50;

/// The faults of one run, in the order in which they strike.
pub struct Schedule {
    pub strikes: Vec<Strike>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// Since the publishers began.
    pub at: Duration,
    pub fault: Fault,
}

impl Schedule {
    /// The faults of `length`, of the kinds given.
    pub fn draw(seed: u64, shape: Shape, length: Duration, kinds: &[FaultKind]) -> Self {
        let mut random = Random::of(seed, "faults");
        let kinds: Vec<FaultKind> = possible(shape).iter().copied().filter(|kind| kinds.contains(kind)).collect();
        let mut strikes: Vec<Strike> = Vec::new();
        if kinds.is_empty() {
            return Self { strikes };
        }
        let count = length.as_millis() / FAULT_INTERVAL.as_millis();
        for _ in 0..count {
            for _ in 0..TURNS_MAX {
                let kind = *random.pick(&kinds);
                let fault = draw_fault(&mut random, shape, length, kind);
                let latest = length.saturating_sub(fault.lasts());
                if latest < CALM_START {
                    continue;
                }
                let strike = Strike { at: random.between(CALM_START, latest), fault };
                if strikes.iter().all(|other| !strike.meets(other, shape)) {
                    strikes.push(strike);
                    break;
                }
            }
        }
        strikes.sort_by_key(|strike| strike.at);
        Self { strikes }
    }

    /// The disk of its own on which the data directory of `target` has to be, if any.
    pub fn disk_of(&self, target: Target) -> Option<DiskKind> {
        let kinds = self.strikes.iter().filter_map(|strike| match strike.fault {
            Fault::FillDisk { target: hit, .. } if hit == target => Some(DiskKind::Full),
            Fault::SlowDisk { target: hit, .. } if hit == target => Some(DiskKind::Hanging),
            _ => None,
        });
        // One that can hang can be filled, too.
        kinds.max()
    }

    /// Whether `target` has to have a clock of its own.
    pub fn sets_clock_of(&self, target: Target) -> bool {
        self.strikes
            .iter()
            .any(|strike| matches!(strike.fault, Fault::SetClockBack { target: hit, .. } if hit == target))
    }
}

impl Strike {
    /// Whether both hit the same at the same time.
    fn meets(&self, other: &Self, shape: Shape) -> bool {
        let apart =
            self.at + self.fault.lasts() + RECOVERY <= other.at || other.at + other.fault.lasts() + RECOVERY <= self.at;
        let nats = shape.nats_servers();
        let hits = other.fault.hits(nats);
        !apart && self.fault.hits(nats).iter().any(|target| hits.contains(target))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.strikes.is_empty() {
            writeln!(f, "  no faults")?;
        }
        self.strikes.iter().try_for_each(|strike| writeln!(f, "  {:>8}  {}", Seconds(strike.at), strike.fault))
    }
}

/// A kind that is named twice strikes twice as often.
fn possible(shape: Shape) -> &'static [FaultKind] {
    use FaultKind::{
        Clock, Cut, Disk, Kill, Leader, Leaders, Outage, Pause, Postgres, Readonly, Restore, Slow, Strand,
    };
    match shape {
        Shape::Local => &[Kill, Kill, Kill, Pause, Disk, Slow, Clock],
        Shape::Nats => &[
            Kill, Kill, Kill, Kill, Pause, Pause, Postgres, Postgres, Readonly, Restore, Cut, Cut, Cut, Disk, Slow,
            Clock, Strand, Outage,
        ],
        Shape::Cluster => &[
            Kill, Kill, Kill, Pause, Postgres, Readonly, Cut, Cut, Disk, Slow, Clock, Strand, Leader, Leader, Leader,
            Leaders, Outage,
        ],
    }
}

fn draw_fault(random: &mut Random, shape: Shape, length: Duration, kind: FaultKind) -> Fault {
    let seconds = |random: &mut Random, shortest: u64, longest: u64| {
        random.between(Duration::from_millis(shortest), Duration::from_millis(longest))
    };
    match kind {
        FaultKind::Kill => {
            let target = *random.pick(&shape.processes());
            // In a long schedule something may be away for long, too.
            let is_long = length >= LONG && random.one_in(4);
            let down = if is_long { random.between(length / 10, length / 2) } else { seconds(random, 0, 3000) };
            Fault::Kill { target, down }
        }
        FaultKind::Pause => {
            let target = *random.pick(&shape.processes());
            let is_store = matches!(target, Target::Store(_));
            // Beyond ack wait, so that its batch is given to the other replica before it goes on.
            let beyond = is_store && length >= 2 * ACK_WAIT && random.one_in(2);
            let held = if beyond { ACK_WAIT + seconds(random, 2000, 10_000) } else { seconds(random, 200, 6000) };
            Fault::Pause { target, held }
        }
        FaultKind::Postgres => {
            let mode = *random.pick(&[StopMode::Fast, StopMode::Immediate]);
            let down = seconds(random, 0, 3000);
            if random.one_in(2) {
                return Fault::StopMidCommit { mode, unanswered: seconds(random, 300, 2000), down };
            }
            Fault::StopPostgres { mode, down }
        }
        FaultKind::Readonly => Fault::ReadOnlyPostgres { held: seconds(random, 500, 8000) },
        FaultKind::Restore => {
            let oldest = (length / 2).min(COPY_AGE_MAX);
            let age = random.between(Duration::from_secs(2).min(oldest), oldest);
            let behind = StoresMeanwhile::Behind(seconds(random, 500, 3000));
            let stores = *random.pick(&[StoresMeanwhile::AtWork, StoresMeanwhile::CutOff, behind]);
            Fault::RestoreBroker { stores, age, down: seconds(random, 0, 2000) }
        }
        FaultKind::Cut => {
            let how = *random.pick(&[CutMode::Reset, CutMode::Silence]);
            Fault::Cut { link: *random.pick(&links(shape)), how, held: seconds(random, 100, 8000) }
        }
        FaultKind::Disk => Fault::FillDisk { target: *random.pick(disks(shape)), held: seconds(random, 500, 5000) },
        FaultKind::Slow => Fault::SlowDisk {
            target: *random.pick(disks(shape)),
            hang: seconds(random, 200, 2000),
            breath: seconds(random, 50, 300),
            held: seconds(random, 1000, 6000),
        },
        FaultKind::Clock => {
            let clocks: Vec<Target> =
                shape.members().iter().copied().filter(|target| *target != Target::Gateway).collect();
            // By more than the run lasts, so that no moment of it comes twice.
            let by = length + random.between(Duration::from_mins(1), Duration::from_hours(2));
            Fault::SetClockBack { target: *random.pick(&clocks), by, held: seconds(random, 1000, 8000) }
        }
        FaultKind::Strand => {
            let emitters: Vec<Target> = shape.emitters().collect();
            let unheard = seconds(random, 500, 4000);
            Fault::Strand { target: *random.pick(&emitters), unheard, down: seconds(random, 0, 2000) }
        }
        FaultKind::Leader if random.one_in(2) => Fault::KillLeader { down: seconds(random, 0, 4000) },
        FaultKind::Leader => Fault::CutLeader { held: seconds(random, 3000, 12_000) },
        FaultKind::Leaders => {
            let most = u32::try_from(length.as_secs() / LEADERS_EVERY.as_secs()).unwrap_or(u32::MAX);
            let times = 2 + u32::try_from(random.below(u64::from(most.max(1)))).expect("below a u32");
            Fault::KillLeaders { times, down: seconds(random, 0, 4000) }
        }
        FaultKind::Outage => {
            let emitters: Vec<Target> = shape.emitters().collect();
            Fault::Outage { emitter: *random.pick(&emitters), down: length * 4 / 5 }
        }
    }
}

/// Those whose data lies on a disk that can be filled, and can hang. What is published through a store's door goes
/// through an outbox, too.
fn disks(shape: Shape) -> &'static [Target] {
    match shape {
        Shape::Local => &[Target::Server],
        Shape::Nats | Shape::Cluster => &[Target::Emitter(1), Target::Emitter(2), Target::Store(1), Target::Store(2)],
    }
}

/// The stores talk to both servers, the emitters to NATS alone, the gateway to neither.
fn links(shape: Shape) -> Vec<Link> {
    let mut links = Vec::new();
    for from in shape.members().iter().copied() {
        match from {
            Target::Store(_) => {
                links.extend([Backing::Nats, Backing::Postgres].map(|to| Link { from, to }));
            }
            Target::Emitter(_) => links.push(Link { from, to: Backing::Nats }),
            _ => {}
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(25);

    #[test]
    fn a_seed_gives_the_same_schedule_again() {
        for shape in [Shape::Local, Shape::Nats, Shape::Cluster] {
            let draw = |seed| Schedule::draw(seed, shape, LENGTH, FaultKind::value_variants()).to_string();
            assert_eq!(draw(7), draw(7));
            assert_ne!(draw(7), draw(8));
        }
    }

    #[test]
    fn every_fault_is_over_in_time_and_none_hits_what_another_one_holds() {
        for seed in 0..500 {
            for shape in [Shape::Local, Shape::Nats, Shape::Cluster] {
                let Schedule { strikes } = Schedule::draw(seed, shape, LENGTH, FaultKind::value_variants());
                for (index, strike) in strikes.iter().enumerate() {
                    assert!(strike.at + strike.fault.lasts() <= LENGTH, "{strike:?}");
                    assert!(
                        strikes[..index].iter().all(|other| !strike.meets(other, shape)),
                        "seed {seed}: {strike:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_kind_strikes_in_some_shape() {
        for kind in FaultKind::value_variants() {
            let strikes = |shape| !Schedule::draw(1, shape, 2 * LENGTH, &[*kind]).strikes.is_empty();
            assert!([Shape::Local, Shape::Nats, Shape::Cluster].into_iter().any(strikes), "{kind:?}");
        }
    }
}

//! What can go wrong, with everything that chance decides about it.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;

use crate::target::Target;

/// The kinds of faults; what `--faults` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum FaultKind {
    /// kill -9 of any process, started again after a while
    Kill,
    /// SIGSTOP, and SIGCONT after a while
    Pause,
    /// PostgreSQL stopped fast or immediately while it commits, also between a commit and its answer, and started again
    Postgres,
    /// PostgreSQL read-only for a while
    Readonly,
    /// The broker's data directory put back to an older copy
    Restore,
    /// Connections between a service and a server reset, or silently dropped for a while
    Cut,
    /// The disk of an emitter's outbox, or of the whole server, filled for a while
    Disk,
    /// The same disk hanging again and again for a while
    Slow,
    /// The clock of a process set back for a while
    Clock,
    /// An emitter killed when its events are durable on its own disk and nowhere else
    Strand,
    /// The cluster's leader killed, or cut off from its peers while everybody stays connected to it
    Leader,
    /// The cluster's leader killed each 10 seconds, again and again
    Leaders,
    /// NATS away for most of the run, and an emitter restarted meanwhile; only where it is named
    Outage,
}

impl FaultKind {
    /// Those that strike where none is named.
    pub fn usual() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|kind| *kind != Self::Outage).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Kill {
        target: Target,
        down: Duration,
    },
    Pause {
        target: Target,
        held: Duration,
    },
    StopPostgres {
        mode: StopMode,
        down: Duration,
    },
    /// Commits are durable and not answered for a while; then it is stopped.
    StopMidCommit {
        mode: StopMode,
        unanswered: Duration,
        down: Duration,
    },
    ReadOnlyPostgres {
        held: Duration,
    },
    /// Copies the broker's files, and puts the copy back `age` later.
    RestoreBroker {
        stores: StoresMeanwhile,
        age: Duration,
        down: Duration,
    },
    Cut {
        link: Link,
        how: CutMode,
        held: Duration,
    },
    FillDisk {
        target: Target,
        held: Duration,
    },
    /// Every write hangs for `hang`, then all is well for `breath`, and so on.
    SlowDisk {
        target: Target,
        hang: Duration,
        breath: Duration,
        held: Duration,
    },
    SetClockBack {
        target: Target,
        by: Duration,
        held: Duration,
    },
    /// Silences the emitter's way to the broker, kills it `unheard` later, and lets it come back and be heard.
    Strand {
        target: Target,
        unheard: Duration,
        down: Duration,
    },
    KillLeader {
        down: Duration,
    },
    /// Every service's way leads to the leader before it is cut off from its peers.
    CutLeader {
        held: Duration,
    },
    /// One leader after the other, each 10 seconds.
    KillLeaders {
        times: u32,
        down: Duration,
    },
    /// Every NATS server, and in the middle of it an emitter.
    Outage {
        emitter: Target,
        down: Duration,
    },
}

/// Between two kills of a leader.
pub const LEADERS_EVERY: Duration = Duration::from_secs(10);

/// What the stores do while the broker's files are copied and put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoresMeanwhile {
    AtWork,
    /// Cut off from PostgreSQL from the copy on, so that what the broker acknowledges is nowhere else when it is gone.
    CutOff,
    /// Cut off for this long before the copy, so that the copy delivers again what is stored, and deleted, in between.
    Behind(Duration),
}

/// A way over the network: from one of our processes to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    pub from: Target,
    pub to: Backing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backing {
    Nats,
    Postgres,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutMode {
    /// Connections are reset, and new ones refused.
    Reset,
    /// Nothing arrives any more, and nobody is told.
    Silence,
}

/// How PostgreSQL is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// SIGINT: transactions are rolled back, then it ends in good order.
    Fast,
    /// SIGQUIT: ends at once, and recovers at its next start.
    Immediate,
}

impl StopMode {
    pub fn signal(self) -> &'static str {
        match self {
            Self::Fast => "INT",
            Self::Immediate => "QUIT",
        }
    }
}

impl Fault {
    /// From the first thing it does to the last.
    pub fn lasts(&self) -> Duration {
        match *self {
            Self::Kill { down, .. }
            | Self::StopPostgres { down, .. }
            | Self::KillLeader { down }
            | Self::Outage { down, .. } => down,
            Self::StopMidCommit { unanswered, down, .. } => unanswered + down,
            Self::Pause { held, .. }
            | Self::Cut { held, .. }
            | Self::FillDisk { held, .. }
            | Self::SetClockBack { held, .. }
            | Self::ReadOnlyPostgres { held }
            | Self::CutLeader { held } => held,
            Self::SlowDisk { hang, breath, held, .. } => held + hang + breath,
            Self::KillLeaders { times, .. } => LEADERS_EVERY * times,
            Self::RestoreBroker { stores: StoresMeanwhile::Behind(by), age, down } => by + age + down,
            Self::RestoreBroker { age, down, .. } => age + down,
            Self::Strand { unheard, down, .. } => unheard + down,
        }
    }

    /// What it hits, so that no other fault hits the same at the same time; `nats` is how many NATS servers there are.
    pub fn hits(&self, nats: u8) -> Vec<Target> {
        let broker = || (1..=nats).map(Target::Nats).collect();
        match *self {
            Self::Kill { target, .. }
            | Self::Pause { target, .. }
            | Self::FillDisk { target, .. }
            | Self::SlowDisk { target, .. }
            | Self::SetClockBack { target, .. }
            | Self::Strand { target, .. } => vec![target],
            Self::Cut { link, .. } => vec![link.from],
            Self::StopPostgres { .. } | Self::StopMidCommit { .. } | Self::ReadOnlyPostgres { .. } => {
                vec![Target::Postgres]
            }
            Self::Outage { emitter, .. } => (1..=nats).map(Target::Nats).chain([emitter]).collect(),
            // The stores are cut off, so their own ways must not be healed meanwhile.
            Self::RestoreBroker { stores: StoresMeanwhile::CutOff | StoresMeanwhile::Behind(_), .. } => {
                vec![Target::Store(1), Target::Store(2), Target::Nats(1)]
            }
            Self::RestoreBroker { .. }
            | Self::KillLeader { .. }
            | Self::KillLeaders { .. }
            | Self::CutLeader { .. } => broker(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { target, down } => write!(f, "kill -9 {target}, back after {}", Seconds(*down)),
            Self::Pause { target, held } => write!(f, "stop {target} by SIGSTOP for {}", Seconds(*held)),
            Self::StopPostgres { mode, down } => {
                write!(f, "stop postgres by SIG{}, back after {}", mode.signal(), Seconds(*down))
            }
            Self::StopMidCommit { mode, unanswered, down } => write!(
                f,
                "leave the commits of postgres unanswered for {}, stop it by SIG{}, back after {}",
                Seconds(*unanswered),
                mode.signal(),
                Seconds(*down)
            ),
            Self::ReadOnlyPostgres { held } => write!(f, "make postgres read-only for {}", Seconds(*held)),
            Self::RestoreBroker { stores, age, down } => {
                let (age, down) = (Seconds(*age), Seconds(*down));
                let stores = match stores {
                    StoresMeanwhile::AtWork => "copy the broker's files".to_owned(),
                    StoresMeanwhile::CutOff => "copy the broker's files, silence every store -> postgres".to_owned(),
                    StoresMeanwhile::Behind(by) => {
                        format!("silence every store -> postgres for {}, then copy the broker's files", Seconds(*by))
                    }
                };
                write!(f, "{stores}; {age} later put the copy back, broker back after {down}")
            }
            Self::Cut { link, how: CutMode::Reset, held } => {
                write!(f, "reset {link}, refuse it for {}", Seconds(*held))
            }
            Self::Cut { link, how: CutMode::Silence, held } => write!(f, "silence {link} for {}", Seconds(*held)),
            Self::FillDisk { target, held } => write!(f, "fill the disk of {target} for {}", Seconds(*held)),
            Self::SlowDisk { target, hang, breath, held } => write!(
                f,
                "let the disk of {target} hang for {} at a time, with {} between, for {}",
                Seconds(*hang),
                Seconds(*breath),
                Seconds(*held)
            ),
            Self::SetClockBack { target, by, held } => {
                write!(f, "set the clock of {target} back by {} for {}", Seconds(*by), Seconds(*held))
            }
            Self::Strand { target, unheard, down } => write!(
                f,
                "silence {target} -> nats, kill -9 {target} after {}, back after {}",
                Seconds(*unheard),
                Seconds(*down)
            ),
            Self::KillLeader { down } => write!(f, "kill -9 the stream's leader, back after {}", Seconds(*down)),
            Self::KillLeaders { times, down } => write!(
                f,
                "kill -9 the stream's leader {times} times, each {}, back after {}",
                Seconds(LEADERS_EVERY),
                Seconds(*down)
            ),
            Self::Outage { emitter, down } => {
                write!(f, "kill -9 every NATS server, back after {}; {emitter} restarted meanwhile", Seconds(*down))
            }
            Self::CutLeader { held } => {
                write!(f, "lead everybody to the stream's leader, cut it off from its peers for {}", Seconds(*held))
            }
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match self.to {
            Backing::Nats => "nats",
            Backing::Postgres => "postgres",
        };
        write!(f, "{} -> {to}", self.from)
    }
}

/// A span as people read it: `1.5 s`.
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} s", self.0.as_secs_f64()))
    }
}

//! The shapes in which the system is put to the test.

use std::fmt;

use clap::ValueEnum;

use crate::target::Target;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// One process with SQLite and the local bus.
    Local,
    /// Two replicas of the store, a gateway and two emitters, on one NATS server and PostgreSQL.
    Nats,
    /// As `nats`, on a cluster of three NATS servers with three copies of each message.
    Cluster,
}

impl Shape {
    pub fn has_nats(self) -> bool {
        self != Self::Local
    }

    pub fn nats_servers(self) -> u8 {
        match self {
            Self::Local => 0,
            Self::Nats => 1,
            Self::Cluster => 3,
        }
    }

    /// The processes of our own programs, in the order in which they start.
    pub fn members(self) -> &'static [Target] {
        match self {
            Self::Local => &[Target::Server],
            Self::Nats | Self::Cluster => {
                &[Target::Store(1), Target::Store(2), Target::Gateway, Target::Emitter(1), Target::Emitter(2)]
            }
        }
    }

    /// Those and the servers behind them.
    pub fn processes(self) -> Vec<Target> {
        let mut processes = self.members().to_vec();
        processes.extend((1..=self.nats_servers()).map(Target::Nats));
        if self.has_nats() {
            processes.push(Target::Postgres);
        }
        processes
    }

    pub fn emitters(self) -> impl Iterator<Item = Target> {
        self.members().iter().copied().filter(|member| matches!(member, Target::Emitter(_)))
    }

    /// Those that events can be published to and read from.
    pub fn doors(self) -> &'static [Target] {
        match self {
            Self::Local => &[Target::Server],
            Self::Nats | Self::Cluster => &[Target::Gateway, Target::Store(1), Target::Store(2)],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Nats => "nats",
            Self::Cluster => "cluster",
        })
    }
}

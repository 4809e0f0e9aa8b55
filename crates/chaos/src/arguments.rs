//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};

use crate::emitting::EmitArguments;
use crate::fault::FaultKind;
use crate::random::Random;
use crate::settings::Settings;
use crate::shape::Shape;

/// Seeded schedules of faults against real processes; exit code 0 when nothing was lost, duplicated, reordered,
/// resurrected or damaged.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub task: Option<Task>,

    /// Decides everything: schedule, publishers, deletions [default: drawn, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Runs as many seeds, from the first one on
    #[arg(long, value_name = "K", default_value_t = 1)]
    schedules: u64,

    /// Runs as many at a time; they mostly wait
    #[arg(long, value_name = "P", default_value_t = 1)]
    pub parallel: usize,

    /// How long each one publishes and breaks, in minutes
    #[arg(long, value_name = "M", conflicts_with = "seconds")]
    minutes: Option<u64>,

    /// The same in seconds
    #[arg(long, value_name = "S", default_value_t = 25)]
    seconds: u64,

    /// The events of each one [default: 200 a second]
    #[arg(long, value_name = "E")]
    events: Option<u64>,

    /// What is put to the test [default: drawn from the seed]
    #[arg(long)]
    shape: Option<Shape>,

    /// Only these kinds of faults [default: all but `outage`]
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    faults: Vec<FaultKind>,

    /// The program `anchore-events` [default: the one that lies beside this one]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,

    /// Keeps configurations, data and logs; those of a bad run are always kept
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    /// An emitter's process; started by the runs
    #[command(hide = true)]
    Emit(EmitArguments),
}

/// Events of a run by default, for each second.
const EVENTS_PER_SECOND: u64 = 200;

impl Arguments {
    /// What to run, in this order.
    pub fn runs(&self) -> Result<Vec<Settings>> {
        let server = match &self.server {
            Some(server) => server.clone(),
            None => std::env::current_exe()?.with_file_name("anchore-events"),
        };
        let server = server
            .canonicalize()
            .with_context(|| format!("`{}` is not there: `cargo xtask chaos` builds it", server.display()))?;
        let seconds = self.minutes.map_or(self.seconds, |minutes| minutes * 60);
        ensure!(seconds > 0, "--seconds: expected at least 1");
        let length = Duration::from_secs(seconds);
        let events = self.events.unwrap_or(seconds * EVENTS_PER_SECOND);
        let faults = if self.faults.is_empty() { FaultKind::usual() } else { self.faults.clone() };
        // Small, so that it is easily told to somebody else.
        let first = self.seed.unwrap_or_else(|| u64::from(std::process::id()) * 1000);
        let settings = |seed| Settings {
            seed,
            shape: self.shape.unwrap_or_else(|| *Random::of(seed, "shape").pick(Shape::value_variants())),
            length,
            events,
            faults: faults.clone(),
            server: server.clone(),
        };
        Ok((first..first.saturating_add(self.schedules)).map(settings).collect())
    }
}

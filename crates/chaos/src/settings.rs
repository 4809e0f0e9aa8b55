//! What makes a run: with the same settings, the same schedule and the same publishers.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::fault::FaultKind;
use crate::shape::Shape;

#[derive(Debug, Clone)]
pub struct Settings {
    pub seed: u64,
    pub shape: Shape,
    /// How long events are published and faults strike.
    pub length: Duration,
    pub events: u64,
    pub faults: Vec<FaultKind>,
    /// The program `anchore-events`.
    pub server: PathBuf,
}

/// The command that runs it again.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, shape, events) = (self.seed, self.shape, self.events);
        let seconds = self.length.as_secs();
        write!(f, "cargo xtask chaos --seed {seed} --shape {shape} --seconds {seconds} --events {events}")?;
        if self.faults != FaultKind::usual() {
            let kinds: Vec<String> = self
                .faults
                .iter()
                .filter_map(ValueEnum::to_possible_value)
                .map(|kind| kind.get_name().to_owned())
                .collect();
            write!(f, " --faults {}", kinds.join(","))?;
        }
        Ok(())
    }
}

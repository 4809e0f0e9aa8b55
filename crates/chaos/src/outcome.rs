//! What a run has shown.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::checker::Verdict;
use crate::fault::Seconds;
use crate::settings::Settings;

pub struct Outcome {
    pub settings: Settings,
    pub tried: u64,
    pub durable: usize,
    pub listed: usize,
    pub foreign: usize,
    /// Stored after a later event of their source. A figure and no finding: what is listed is in its own order.
    pub late: usize,
    /// Those that came through the one outbox of an emitter; a publisher of ours goes from door to door.
    pub late_emitted: usize,
    pub deleted: usize,
    pub perhaps_deleted: usize,
    pub faults: usize,
    pub failed_calls: u64,
    pub failed_emits: u64,
    pub slowest_publish: Duration,
    pub slowest_emit: Duration,
    /// From the healing until everything was listed and settled; `None` when that did not come.
    pub quiet_after: Option<Duration>,
    pub verdict: Verdict,
    /// What went wrong beside the events: processes that ended by themselves, answers that never should be.
    pub defects: Vec<String>,
    /// Where everything lies, if it was kept.
    pub kept: Option<PathBuf>,
}

impl Outcome {
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.defects.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quiet = self.quiet_after.map_or("never".to_owned(), |after| format!("after {}", Seconds(after)));
        writeln!(
            f,
            "  {} events tried, {} durable, {} listed, {} deleted, {} perhaps deleted, {} of others",
            self.tried, self.durable, self.listed, self.deleted, self.perhaps_deleted, self.foreign
        )?;
        writeln!(
            f,
            "  {} stored after a later event of their source, {} of them emitted",
            self.late, self.late_emitted
        )?;
        writeln!(
            f,
            "  {} faults; {} calls failed, slowest publication {}; {} emits failed, slowest emit {}; quiet {quiet}",
            self.faults,
            self.failed_calls,
            Seconds(self.slowest_publish),
            self.failed_emits,
            Seconds(self.slowest_emit),
        )?;
        write!(f, "{}", self.verdict)?;
        for defect in &self.defects {
            writeln!(f, "  defect: {defect}")?;
        }
        let verdict = if self.is_good() { "good" } else { "BAD" };
        writeln!(f, "verdict: {verdict}: {}, {} defects", self.verdict.summary(), self.defects.len())?;
        if let Some(directory) = &self.kept {
            writeln!(f, "kept: {}", directory.display())?;
        }
        if !self.is_good() {
            writeln!(f, "again: {}", self.settings)?;
        }
        Ok(())
    }
}

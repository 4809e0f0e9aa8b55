//! What happens during a run, with the time since the publishers began.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::Result;

pub struct RunLog {
    file: Mutex<std::fs::File>,
    begun: Instant,
    /// Whether somebody watches this one run.
    prints: bool,
}

impl RunLog {
    pub fn open(file: &Path, prints: bool) -> Result<Self> {
        Ok(Self { file: Mutex::new(std::fs::File::create(file)?), begun: Instant::now(), prints })
    }

    pub fn say(&self, what: impl Display) {
        let line = format!("  {:>6.1} s  {what}", self.begun.elapsed().as_secs_f64());
        if self.prints {
            println!("{line}");
        }
        // The log is for reading afterwards; a run does not fail for it.
        let _ = writeln!(self.file.lock().expect("nothing panics while it is held"), "{line}");
    }
}

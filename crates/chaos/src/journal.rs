//! What an emitter's process says about its events, in a file that outlives it: it is killed without a word.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use event::EventId;

/// The writing side. Written without sync: what is killed here is the process, not the machine.
pub struct Journal {
    file: Mutex<File>,
}

/// The reading side: what stands in a journal, by source.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct JournalEntries {
    pub sources: HashMap<String, SourceEntries>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct SourceEntries {
    /// The last sequence number that was tried; 0 before the first.
    pub tried: u64,
    /// What `emit` returned, which is durable.
    pub durable: HashMap<EventId, u64>,
    /// How often `emit` failed.
    pub failed: u64,
    /// The longest that `emit` took.
    pub slowest: Duration,
}

impl Journal {
    pub fn open(file: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        // Ends a line that a kill cut off.
        file.write_all(b"\n")?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Before `emit`: from here on, the event may exist.
    pub fn tries(&self, source: &str, sequence: u64) -> io::Result<()> {
        self.write(&format!("try {source} {sequence}\n"))
    }

    pub fn is_durable(&self, source: &str, sequence: u64, id: EventId, took: Duration) -> io::Result<()> {
        self.write(&format!("durable {source} {sequence} {id} {}\n", took.as_micros()))
    }

    pub fn failed(&self, source: &str, sequence: u64, took: Duration) -> io::Result<()> {
        self.write(&format!("failed {source} {sequence} {}\n", took.as_micros()))
    }

    /// In one call, so that lines of several tasks do not mix.
    fn write(&self, line: &str) -> io::Result<()> {
        self.file.lock().expect("nothing panics while it is held").write_all(line.as_bytes())
    }
}

impl JournalEntries {
    /// Nothing, where there is no file yet.
    pub fn read(file: &Path) -> io::Result<Self> {
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Self {
        let mut entries = Self::default();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            entries.note(line);
        }
        entries
    }

    /// Passes over lines that are not whole.
    fn note(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let verb = words.next()?;
        let source = words.next()?;
        let sequence: u64 = words.next()?.parse().ok()?;
        let entries = self.sources.entry(source.to_owned()).or_default();
        let took = |words: &mut std::str::Split<'_, char>| {
            let micros: u64 = words.next()?.parse().ok()?;
            Some(Duration::from_micros(micros))
        };
        match verb {
            "try" => entries.tried = entries.tried.max(sequence),
            "durable" => {
                let id: EventId = words.next()?.parse().ok()?;
                let took = took(&mut words)?;
                entries.durable.insert(id, sequence);
                entries.slowest = entries.slowest.max(took);
            }
            "failed" => {
                entries.failed += 1;
                entries.slowest = entries.slowest.max(took(&mut words)?);
            }
            _ => {}
        }
        Some(())
    }

    pub fn tried(&self, source: &str) -> u64 {
        self.sources.get(source).map_or(0, |entries| entries.tried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_back_and_a_line_cut_off_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("journal");
        let id = EventId::generate();
        let journal = Journal::open(&file).unwrap();
        journal.tries("a", 1).unwrap();
        journal.is_durable("a", 1, id, Duration::from_micros(7)).unwrap();
        journal.tries("a", 2).unwrap();
        journal.failed("a", 2, Duration::from_micros(9)).unwrap();
        journal.write("try a 30").unwrap();
        let journal = Journal::open(&file).unwrap();
        journal.tries("b", 5).unwrap();
        journal.write("durable b 5 00").unwrap();
        let entries = JournalEntries::read(&file).unwrap();
        // The line that was cut off by a kill got its end from the next start, and the number may be cut short.
        assert_eq!(entries.tried("a"), 30);
        assert_eq!(entries.tried("b"), 5);
        let a = &entries.sources["a"];
        assert_eq!((a.durable.get(&id), a.failed, a.slowest), (Some(&1), 1, Duration::from_micros(9)));
        assert!(entries.sources["b"].durable.is_empty());
    }
}

//! A list of event ids, written while the work goes on.

use std::io::{self, Write};

use super::Format;
use crate::failure::Failure;

/// Writes ids one per line, or as JSON.
///
/// What is listed here is done: once a reader has gone (`| head`), the ids are no longer written, but the work goes on.
pub struct IdsWriter<W> {
    out: W,
    format: Format,
    count: u64,
    is_read: bool,
}

impl<W: Write> IdsWriter<W> {
    /// # Errors
    /// A form that a list of ids does not have.
    pub fn new(format: Format, out: W) -> Result<Self, Failure> {
        match format {
            Format::Table | Format::Ndjson | Format::Json => Ok(Self { out, format, count: 0, is_read: true }),
            Format::Wide | Format::Yaml | Format::Csv => {
                Err(Failure::usage("--output: there is no such form of a list of ids, expected table, json or ndjson"))
            }
        }
    }

    pub fn add(&mut self, id: &str) -> io::Result<()> {
        let first = self.count == 0;
        self.count += 1;
        let text = match self.format {
            Format::Json => format!("{}\n    \"{id}\"", if first { "[" } else { "," }),
            Format::Ndjson => format!("\"{id}\"\n"),
            _ => format!("{id}\n"),
        };
        self.write(&text)
    }

    /// Hands on what was written, so that a reader of a pipe sees it now.
    pub fn flush(&mut self) -> io::Result<()> {
        let flushed = if self.is_read { self.out.flush() } else { Ok(()) };
        self.unless_broken(flushed)
    }

    pub fn finish(&mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.write(if self.count == 0 { "[]\n" } else { "\n]\n" })?;
        }
        self.flush()
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let written = if self.is_read { self.out.write_all(text.as_bytes()) } else { Ok(()) };
        self.unless_broken(written)
    }

    fn unless_broken(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_read = false;
                Ok(())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, ids: &[&str], expected: &str) {
        let mut out = Vec::new();
        let mut writer = IdsWriter::new(format, &mut out).unwrap();
        for id in ids {
            writer.add(id).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn ids_in_each_form() {
        check(Format::Json, &["a", "b"], "[\n    \"a\",\n    \"b\"\n]\n");
        check(Format::Json, &[], "[]\n");
        check(Format::Ndjson, &["a", "b"], "\"a\"\n\"b\"\n");
        check(Format::Table, &["a", "b"], "a\nb\n");
        assert!(IdsWriter::new(Format::Csv, Vec::new()).is_err());
    }

    #[test]
    fn a_reader_that_has_gone_does_not_end_the_work() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = IdsWriter::new(Format::Table, Gone).unwrap();
        assert!(writer.add("a").is_ok() && writer.finish().is_ok());
    }
}

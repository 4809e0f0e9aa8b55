//! A list of events, written while it is read.

use std::io::{self, Write};

use event::StoredEvent;

use super::csv::CsvListing;
use super::json::JsonListing;
use super::table::{PAGE_COLUMNS, TableListing, WIDE_COLUMNS};
use super::{Format, is_colored};
use crate::record::{record, record_line};
use crate::yaml::to_yaml;

/// One form of a list. However long the list is, the memory is bounded.
pub trait Listing {
    fn add(&mut self, event: StoredEvent, out: &mut dyn Write) -> io::Result<()>;

    /// Ends the list; `has_more` tells that more events match than were added.
    fn finish(self: Box<Self>, has_more: bool, out: &mut dyn Write) -> io::Result<()>;
}

pub fn listing(format: Format, is_full: bool) -> Box<dyn Listing> {
    match format {
        Format::Table if !is_full => Box::new(TableListing::new(PAGE_COLUMNS, is_colored(format))),
        Format::Table | Format::Wide => Box::new(TableListing::new(WIDE_COLUMNS, is_colored(format))),
        Format::Json => Box::new(JsonListing::default()),
        Format::Ndjson => Box::new(NdjsonListing),
        Format::Yaml => Box::new(YamlListing),
        Format::Csv => Box::new(CsvListing::default()),
    }
}

struct NdjsonListing;

impl Listing for NdjsonListing {
    fn add(&mut self, event: StoredEvent, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", record_line(event))
    }

    fn finish(self: Box<Self>, _has_more: bool, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Each record is a document of its own, so that a reader needs one of them in memory only.
struct YamlListing;

impl Listing for YamlListing {
    fn add(&mut self, event: StoredEvent, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "---\n{}", to_yaml(&record(event)))
    }

    fn finish(self: Box<Self>, _has_more: bool, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

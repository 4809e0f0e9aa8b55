//! Plain columns (contract 4.4): no lines, each cell padded to the width of its column and 8 blanks, the last one too.

use std::io::{self, Write};

use event::{Level, StoredEvent};

use super::Listing;

/// Blanks after each column.
const GAP: usize = 8;

/// Rows that are held back to find the width of the columns; later rows may overflow theirs.
const MEASURED_ROWS_MAX: usize = 1000;

const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

type Column = (&'static str, fn(&StoredEvent) -> Option<String>);

/// The columns of the product page.
pub const PAGE_COLUMNS: &[Column] = &[TIMESTAMP, LEVEL, SERVICE, HOST, EVENT, ID];

/// The columns of `--full` (contract 4.4).
pub const WIDE_COLUMNS: &[Column] = &[TIMESTAMP, LEVEL, EVENT, RESOURCE_TYPE, RESOURCE, SERVICE, HOST, ID];

const TIMESTAMP: Column = ("Timestamp", |stored| Some(stored.event.occurred_at.to_string()));
const LEVEL: Column = ("Level", |stored| Some(stored.event.level.to_string()));
const EVENT: Column = ("Event", |stored| Some(stored.event.event_type.clone()));
const RESOURCE_TYPE: Column = ("ResourceType", |stored| stored.event.resource.resource_type.clone());
const RESOURCE: Column = ("Resource", |stored| stored.event.resource.id.clone());
const SERVICE: Column = ("Service", |stored| stored.event.source.service.clone());
const HOST: Column = ("Host", |stored| stored.event.source.host_id.clone());
const ID: Column = ("ID", |stored| Some(stored.event.id.to_string()));

pub struct TableListing {
    columns: &'static [Column],
    is_colored: bool,
    /// The rows before the header is written; `None` afterwards.
    measured: Option<Vec<Vec<String>>>,
    widths: Vec<usize>,
}

impl TableListing {
    pub fn new(columns: &'static [Column], is_colored: bool) -> Self {
        let widths = columns.iter().map(|(title, _)| title.len()).collect();
        Self { columns, is_colored, measured: Some(Vec::new()), widths }
    }

    fn write_measured(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let Some(rows) = self.measured.take() else { return Ok(()) };
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        self.write_row(&titles, out)?;
        rows.iter().try_for_each(|row| self.write_row(row, out))
    }

    fn write_row(&self, row: &[String], out: &mut dyn Write) -> io::Result<()> {
        for (index, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            // The padding stands outside of the colour, so that escapes do not count as width.
            let padding = width.saturating_sub(cell.chars().count()) + GAP;
            let is_error = self.columns[index].0 == LEVEL.0 && cell == Level::Error.as_str();
            if self.is_colored && is_error {
                write!(out, "{RED}{cell}{PLAIN}{:padding$}", "")?;
            } else {
                write!(out, "{cell}{:padding$}", "")?;
            }
        }
        writeln!(out)
    }
}

impl Listing for TableListing {
    fn add(&mut self, event: StoredEvent, out: &mut dyn Write) -> io::Result<()> {
        // A null is printed as Python does.
        let row: Vec<String> =
            self.columns.iter().map(|(_, cell)| cell(&event).unwrap_or_else(|| "None".to_owned())).collect();
        let Some(measured) = &mut self.measured else { return self.write_row(&row, out) };
        measured.push(row);
        if measured.len() == MEASURED_ROWS_MAX { self.write_measured(out) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>, _has_more: bool, out: &mut dyn Write) -> io::Result<()> {
        if self.measured.as_ref().is_some_and(Vec::is_empty) {
            // No event: one empty line and no header.
            return writeln!(out);
        }
        self.write_measured(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::page_event;

    fn event(occurred_at: &str, level: Level, service: &str, event_type: &str, id: &str) -> StoredEvent {
        let mut stored = page_event();
        stored.event.occurred_at = occurred_at.parse().unwrap();
        stored.event.level = level;
        stored.event.source.service = Some(service.to_owned());
        stored.event.event_type = event_type.to_owned();
        stored.event.id = id.parse().unwrap();
        stored
    }

    fn print(columns: &'static [Column], is_colored: bool, events: Vec<StoredEvent>) -> String {
        let mut out = Vec::new();
        let mut table = Box::new(TableListing::new(columns, is_colored));
        for event in events {
            table.add(event, &mut out).unwrap();
        }
        table.finish(false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The page shows no blanks at the ends of lines.
    fn trimmed(text: &str) -> Vec<&str> {
        text.lines().map(str::trim_end).collect()
    }

    #[test]
    fn the_events_of_a_tag_are_listed_as_on_the_product_page() {
        let printed = print(PAGE_COLUMNS, false, vec![page_event()]);
        assert_eq!(
            trimmed(&printed),
            [
                "Timestamp                          Level        Service        Host                          Event                 ID",
                "2018-06-30T03:56:27.711071Z        ERROR        catalog        dockerhostid-localhost        list_tags_fail        d77736ac78a043a9b84b3a1b8171aa44",
            ]
        );
        assert!(printed.lines().all(|line| line.ends_with("        ") && line.len() == printed.find('\n').unwrap()));
    }

    #[test]
    fn the_most_recent_events_are_listed_as_on_the_product_page() {
        let printed = print(
            PAGE_COLUMNS,
            false,
            vec![
                event(
                    "2018-06-28T22:36:37.250529Z",
                    Level::Info,
                    "policy_engine",
                    "feed_sync_complete",
                    "9b0078d22cca4a2fa677cdc0d632435a",
                ),
                event(
                    "2018-06-28T22:36:26.512589Z",
                    Level::Error,
                    "catalog",
                    "list_tags_fail",
                    "67946415c113488b8fff8b335272a45b",
                ),
                event(
                    "2018-06-28T22:36:08.740953Z",
                    Level::Info,
                    "policy_engine",
                    "feed_sync_start",
                    "3b75967268824f4ca12c57d76c97d32c",
                ),
            ],
        );
        // The page's header is spaced for another list; its rows are to the letter.
        assert_eq!(
            trimmed(&printed)[1..],
            [
                "2018-06-28T22:36:37.250529Z        INFO         policy_engine        dockerhostid-localhost        feed_sync_complete        9b0078d22cca4a2fa677cdc0d632435a",
                "2018-06-28T22:36:26.512589Z        ERROR        catalog              dockerhostid-localhost        list_tags_fail            67946415c113488b8fff8b335272a45b",
                "2018-06-28T22:36:08.740953Z        INFO         policy_engine        dockerhostid-localhost        feed_sync_start           3b75967268824f4ca12c57d76c97d32c",
            ]
        );
        let titles: Vec<_> = trimmed(&printed)[0].split_whitespace().collect();
        assert_eq!(titles, ["Timestamp", "Level", "Service", "Host", "Event", "ID"]);
    }

    #[test]
    fn no_event_is_an_empty_line() {
        assert_eq!(print(PAGE_COLUMNS, false, Vec::new()), "\n");
    }

    #[test]
    fn more_columns_and_nulls() {
        let mut stored = page_event();
        stored.event.resource.id = None;
        let printed = print(WIDE_COLUMNS, false, vec![stored]);
        assert_eq!(
            trimmed(&printed),
            [
                "Timestamp                          Level        Event                 ResourceType        Resource        Service        Host                          ID",
                "2018-06-30T03:56:27.711071Z        ERROR        list_tags_fail        repository          None            catalog        dockerhostid-localhost        d77736ac78a043a9b84b3a1b8171aa44",
            ]
        );
    }

    #[test]
    fn colour_does_not_move_columns() {
        let plain = print(PAGE_COLUMNS, false, vec![page_event()]);
        let colored = print(PAGE_COLUMNS, true, vec![page_event()]);
        assert!(colored.contains("\x1b[31mERROR\x1b[0m        catalog"));
        assert_eq!(colored.replace(RED, "").replace(PLAIN, ""), plain);
    }

    #[test]
    fn rows_behind_the_measured_ones_are_written_at_once() {
        let mut out = Vec::new();
        let mut table = TableListing::new(PAGE_COLUMNS, false);
        for _ in 0..MEASURED_ROWS_MAX {
            assert!(out.is_empty());
            table.add(page_event(), &mut out).unwrap();
        }
        let before = out.len();
        let mut long = page_event();
        long.event.event_type = "t".repeat(100);
        table.add(long, &mut out).unwrap();
        assert!(out.len() > before + 100);
    }
}

//! Comma-separated values: a header, then a row per event, quoted as RFC 4180 says. Lines end in a line feed.

use std::io::{self, Write};

use event::{Json, StoredEvent};

use super::Listing;
use crate::record::record;

/// The contract's names (1.1), outermost first, by their path in the record. `details` is JSON in one cell.
const COLUMNS: &[(&str, &[&str])] = &[
    ("generated_uuid", &["generated_uuid"]),
    ("created_at", &["created_at"]),
    ("timestamp", &["event", "timestamp"]),
    ("level", &["event", "level"]),
    ("type", &["event", "type"]),
    ("message", &["event", "message"]),
    ("user_id", &["event", "resource", "user_id"]),
    ("resource_type", &["event", "resource", "type"]),
    ("resource_id", &["event", "resource", "id"]),
    ("servicename", &["event", "source", "servicename"]),
    ("hostid", &["event", "source", "hostid"]),
    ("base_url", &["event", "source", "base_url"]),
    ("request_id", &["event", "source", "request_id"]),
    ("details", &["event", "details"]),
];

#[derive(Default)]
pub struct CsvListing {
    has_header: bool,
}

impl CsvListing {
    fn write_header(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !std::mem::replace(&mut self.has_header, true) {
            write_row(COLUMNS.iter().map(|(name, _)| (*name).to_owned()), out)?;
        }
        Ok(())
    }
}

impl Listing for CsvListing {
    fn add(&mut self, event: StoredEvent, out: &mut dyn Write) -> io::Result<()> {
        self.write_header(out)?;
        let record = record(event);
        write_row(COLUMNS.iter().map(|(_, path)| cell(&record, path)), out)
    }

    fn finish(mut self: Box<Self>, _has_more: bool, out: &mut dyn Write) -> io::Result<()> {
        self.write_header(out)
    }
}

fn cell(record: &Json, path: &[&str]) -> String {
    let found = path.iter().try_fold(record, |tree, key| match tree {
        Json::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
        _ => None,
    });
    match found {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(value) => serde_json::to_string(value).expect("a tree of JSON values is written as JSON"),
    }
}

fn write_row(cells: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<String> = cells.map(quoted).collect();
    writeln!(out, "{}", cells.join(","))
}

fn quoted(cell: String) -> String {
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use event::Details;

    use super::*;
    use crate::record::page_event;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let mut stored = page_event();
        stored.event.message = "a, \"b\"\nc".into();
        stored.event.resource.id = None;
        stored.event.details = Details::parse(r#"{"b":1,"a":null}"#).unwrap();
        let mut out = Vec::new();
        let mut listing = Box::new(CsvListing::default());
        listing.add(stored, &mut out).unwrap();
        listing.finish(false, &mut out).unwrap();
        let expected = "generated_uuid,created_at,timestamp,level,type,message,user_id,resource_type,resource_id,servicename,hostid,base_url,request_id,details\n\
            d77736ac78a043a9b84b3a1b8171aa44,2018-06-30T03:56:27.803114Z,2018-06-30T03:56:27.711071Z,ERROR,list_tags_fail,\"a, \"\"b\"\"\nc\",admin,repository,,catalog,dockerhostid-localhost,http://localhost:8082,,\"{\"\"a\"\":null,\"\"b\"\":1}\"\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

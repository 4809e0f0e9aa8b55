//! JSON as Python's `json.dumps(value, indent=4, sort_keys=True)` writes it, which is what old clients print.

use std::io::{self, Seek, Write};

use event::{Json, StoredEvent};
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use tempfile::SpooledTempFile;

use super::Listing;
use crate::record::record;

/// Events on one page of the server that old clients spoke to; the envelope counts in such pages.
const PAGE_EVENTS: u64 = 100;
/// Text that is kept in memory before it goes to a temporary file.
const SPOOL_BYTES_MAX: usize = 8 * 1024 * 1024;
const INDENT: &str = "    ";

/// The value in Python's layout, without a line break at the end. The caller has put the keys in order.
pub fn to_python_json(value: &Json) -> String {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(INDENT.as_bytes());
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))
        .expect("a tree of JSON values is written as JSON");
    escape_non_ascii(&String::from_utf8(text).expect("JSON is UTF-8"))
}

/// Python escapes what is not a visible ASCII character. Outside of strings there is none.
fn escape_non_ascii(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && c != '\x7f' {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a text takes any text");
            }
        }
    }
    escaped
}

/// `text` with each line but the first moved in by `levels`, to stand inside a larger value.
fn indent_json(text: &str, levels: usize) -> String {
    text.replace('\n', &format!("\n{}", INDENT.repeat(levels)))
}

/// The response object of the REST interface (contract 3.2, 4.4). With `--all` old clients put the results of all pages
/// into the envelope of the last one.
pub struct JsonListing {
    /// The envelope's numbers stand before the results and are known after them.
    spool: SpooledTempFile,
    count: u64,
}

impl Default for JsonListing {
    fn default() -> Self {
        Self { spool: SpooledTempFile::new(SPOOL_BYTES_MAX), count: 0 }
    }
}

impl Listing for JsonListing {
    fn add(&mut self, event: StoredEvent, _out: &mut dyn Write) -> io::Result<()> {
        let separator = if self.count == 0 { "\n" } else { ",\n" };
        self.count += 1;
        write!(self.spool, "{separator}{}{}", INDENT.repeat(2), indent_json(&to_python_json(&record(event)), 2))
    }

    fn finish(mut self: Box<Self>, has_more: bool, out: &mut dyn Write) -> io::Result<()> {
        let page = self.count.div_ceil(PAGE_EVENTS).max(1);
        let item_count = self.count - (page - 1) * PAGE_EVENTS;
        writeln!(out, "{{\n    \"item_count\": {item_count},\n    \"next_page\": {has_more},\n    \"page\": {page},")?;
        write!(out, "    \"results\": [")?;
        self.spool.rewind()?;
        io::copy(&mut self.spool, out)?;
        if self.count > 0 {
            write!(out, "\n    ")?;
        }
        writeln!(out, "]\n}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::page_event;

    fn print(count: usize, has_more: bool) -> String {
        let mut out = Vec::new();
        let mut listing = Box::new(JsonListing::default());
        for _ in 0..count {
            listing.add(page_event(), &mut out).unwrap();
        }
        listing.finish(has_more, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_as_python_writes_them() {
        let check = |json: &str, expected: &str| {
            assert_eq!(to_python_json(&Json::parse(json).unwrap().sorted()), expected);
        };
        check(
            r#"{"b":[],"a":{},"c":[1,{"d":null}]}"#,
            "{\n    \"a\": {},\n    \"b\": [],\n    \"c\": [\n        1,\n        {\n            \"d\": null\n        }\n    ]\n}",
        );
        check("\"é😀\u{2028}\u{7f}\\u0001\\n\\/\\\"\"", r#""\u00e9\ud83d\ude00\u2028\u007f\u0001\n/\"""#);
        check("[1.50,12345678901234567890123]", "[\n    1.50,\n    12345678901234567890123\n]");
    }

    #[test]
    fn the_envelope_is_that_of_the_last_page() {
        let check = |count: usize, has_more: bool, expected: &str| {
            let printed = print(count, has_more);
            assert!(printed.starts_with(expected), "{printed}");
            assert!(serde_json::from_str::<serde_json::Value>(&printed).is_ok());
        };
        check(
            0,
            false,
            "{\n    \"item_count\": 0,\n    \"next_page\": false,\n    \"page\": 1,\n    \"results\": []\n}\n",
        );
        check(
            1,
            false,
            "{\n    \"item_count\": 1,\n    \"next_page\": false,\n    \"page\": 1,\n    \"results\": [\n        {\n            \"created_at\": \"2018-06-30T03:56:27.803114Z\",\n            \"event\": {\n                \"details\": {\n                    \"SkopeoError\": {\n",
        );
        check(100, true, "{\n    \"item_count\": 100,\n    \"next_page\": true,\n    \"page\": 1,");
        check(201, false, "{\n    \"item_count\": 1,\n    \"next_page\": false,\n    \"page\": 3,");
    }

    #[test]
    fn a_list_is_its_own_pretty_print() {
        let printed = print(2, false);
        assert_eq!(to_python_json(&Json::parse(&printed).unwrap().sorted()) + "\n", printed);
    }
}

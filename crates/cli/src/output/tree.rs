//! Any tree in the forms that are for programs.

use std::io::{self, Write};

use event::Json;

use super::{Format, to_python_json};
use crate::failure::Failure;
use crate::yaml::to_yaml;

/// Writes `tree` as JSON or YAML; `ndjson` writes the members of the list `lines` of it, one a line.
///
/// # Errors
/// A form that a tree does not have.
pub fn write_tree(tree: &Json, lines: &str, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    match format {
        Format::Json => writeln!(out, "{}", to_python_json(tree))?,
        Format::Yaml => write!(out, "{}", to_yaml(tree))?,
        Format::Ndjson => write_lines(tree, lines, out)?,
        Format::Table | Format::Wide | Format::Csv => {
            return Err(Failure::usage(
                "--output: there is no such form of this, expected table, json, ndjson or yaml",
            ));
        }
    }
    Ok(())
}

fn write_lines(tree: &Json, lines: &str, out: &mut dyn Write) -> io::Result<()> {
    let members = match tree {
        Json::Object(members) => members.iter().find(|(name, _)| name == lines),
        _ => None,
    };
    match members {
        Some((_, Json::Array(items))) => items.iter().try_for_each(|item| writeln!(out, "{}", compact(item))),
        _ => writeln!(out, "{}", compact(tree)),
    }
}

fn compact(tree: &Json) -> String {
    serde_json::to_string(tree).expect("a tree of JSON is written as JSON")
}

/// An object in the order of its keys, without those that have no value.
pub fn object(members: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    let given = members.into_iter().filter(|(_, value)| *value != Json::Null);
    Json::Object(given.map(|(name, value)| (name.to_owned(), value)).collect()).sorted()
}

/// A text; an empty one is no value.
pub fn text(text: &str) -> Json {
    if text.is_empty() { Json::Null } else { Json::String(text.to_owned()) }
}

pub fn number(number: impl std::fmt::Display) -> Json {
    Json::Number(number.to_string())
}

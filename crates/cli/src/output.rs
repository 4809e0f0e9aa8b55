//! The forms in which events are printed.

mod columns;
mod csv;
mod ids;
mod json;
mod listing;
mod table;
mod tree;

pub use columns::write_columns;
pub use ids::IdsWriter;
pub use json::to_python_json;
pub use listing::{Listing, listing};
pub use tree::{number, object, text, write_tree};

use clap::ValueEnum;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns; one event as YAML.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// One JSON document, indented, as old clients print it.
    Json,
    /// One JSON record per line.
    Ndjson,
    /// YAML, a document per record.
    Yaml,
    /// A header, then a row per event; lists of events only.
    Csv,
}

/// Whether to write colours: never with `NO_COLOR` (no-color.org), nor where a person does not read.
pub fn is_colored(format: Format) -> bool {
    use std::io::IsTerminal;
    let is_set = |name: &str| crate::settings::environment(name).is_some_and(|value| !value.is_empty());
    let is_dumb = crate::settings::environment("TERM").is_some_and(|terminal| terminal == "dumb");
    matches!(format, Format::Table | Format::Wide) && std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

//! OSV (ossf.github.io/osv-schema): `<url>/<ecosystem>/all.zip`, `<url>/<ecosystem>/modified_id.csv` and
//! `<url>/<ecosystem>/<ID>.json`.

pub(crate) mod archive;
pub(crate) mod changes;
#[cfg(test)]
mod tests;

use event::Timestamp;
use serde::Deserialize;

use crate::record::{Record, digest_of_json};

/// The members of a record that matter here.
#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    modified: String,
    withdrawn: Option<String>,
}

/// What a record says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Is(Record),
    /// Its publisher has taken it back.
    Withdrawn {
        id: String,
        modified: Timestamp,
    },
}

/// Reads one record.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(text: &[u8]) -> Result<Said, String> {
    let Vulnerability { id, modified, withdrawn } = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let modified: Timestamp = modified.parse().map_err(|_| "its `modified` is no time".to_owned())?;
    if withdrawn.is_some() {
        return Ok(Said::Withdrawn { id, modified });
    }
    let digest = digest_of_json(text).map_err(|error| error.to_string())?;
    Ok(Said::Is(Record { id, digest, modified: Some(modified) }))
}

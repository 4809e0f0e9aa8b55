//! The archive of an ecosystem: one JSON document per record.

use cause::{Cause, CauseCode};

use super::{Said, parse};
use crate::archive::Archive;
use crate::budget::{Budget, RECORD_BYTES_MAX, record_too_large};
use crate::document::{Document, empty};
use crate::record::{RecordSink, Stopped, not_understood};

/// What the names of records end in; anything else in the archive is none.
const RECORD_ENDING: &str = ".json";

pub(crate) fn read(document: &Document, sink: &mut RecordSink) -> Result<(), Cause> {
    let mut archive = match Archive::open(&document.spool) {
        Ok(archive) => archive,
        Err(_) if document.spool.bytes == 0 => return Err(empty()),
        Err(_) if document.beginning().trim_start().starts_with('<') => return Err(document.web_page()),
        Err(cause) => return Err(cause),
    };
    let budget = Budget::new(document.spool.bytes);
    while let Some(entry) = archive.next_entry()? {
        let Some(name) = entry.name.strip_suffix(RECORD_ENDING) else { continue };
        budget.record_ended();
        if entry.bytes > RECORD_BYTES_MAX {
            sink.skip(name, record_too_large());
            continue;
        }
        let taken = match parse(&archive.content(&entry, &budget)?) {
            Ok(Said::Is(record)) => sink.take(record),
            Ok(Said::Withdrawn { modified, .. }) => {
                sink.withdrawn(Some(modified));
                Ok(())
            }
            Err(problem) => {
                sink.skip(name, not_understood(problem));
                Ok(())
            }
        };
        taken.map_err(|Stopped| Cause::new(CauseCode::Interrupted, "reading the archive was stopped", ""))?;
    }
    Ok(())
}

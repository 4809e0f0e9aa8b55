//! What each kind of feed looks like.

pub(crate) mod alpine;
pub(crate) mod debian;
pub(crate) mod osv;
#[cfg(test)]
mod samples;

use cause::Cause;

use crate::document::Document;
use crate::record::{RecordSink, Stopped};
use crate::{FeedKind, GroupName};

/// Reads every record of a group's document. Blocks: it is for a thread of its own.
///
/// # Errors
/// The document as a whole cannot be taken. Single records that cannot are skipped, which the sink counts.
pub(crate) fn read(kind: FeedKind, group: &GroupName, document: &Document, sink: &mut RecordSink) -> Result<(), Cause> {
    let read = match kind {
        FeedKind::AlpineSecdb => alpine::read(document, group, sink),
        FeedKind::Osv => osv::archive::read(document, sink),
        FeedKind::DebianTracker => debian::read(document, sink),
    };
    // What stopped the sink is the reason for what the document seems to be wrong with.
    read.map_err(|cause| sink.stopped().unwrap_or(cause))
}

/// Ends the reading of a JSON text; the sink knows why.
fn stop<E: serde::de::Error>(_stopped: Stopped) -> E {
    E::custom("stopped")
}

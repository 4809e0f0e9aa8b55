//! One layer, read as a stream: decompressed, measured against the bounds, taken apart entry by entry. What matters is
//! kept; the rest is read once and forgotten, so memory does not grow with the layer.

mod compression;
mod error;
mod meter;
mod zstd;

use std::io::Read;

use oci_registry::Digest;

pub use self::compression::Compression;
pub use self::error::LayerError;
pub use self::meter::Budget;
use self::meter::{Inflow, Meter};
use crate::bounds::KEPT_ENTRIES_MAX;
use crate::rootfs::{KeptFile, LayerView, Node, Wanted, normalized, parent_and_name, wanted};
use crate::tar::{Archive, Entry, EntryKind};

/// What a file name begins with that takes another one away (OCI image specification, layers).
const WHITEOUT: &str = ".wh.";
/// The name that hides what the layers below have in its folder.
const OPAQUE: &str = ".wh..wh..opq";

/// A layer that was read to its end.
#[derive(Debug)]
pub struct ReadLayer {
    pub view: LayerView,
    /// The digest of the archive behind the compression.
    pub diff_id: Digest,
    pub compression: Compression,
}

/// Reads a layer. `algorithm` is a digest made the way in which this one's is to be made.
///
/// # Errors
/// What `source` is no layer for, or why it costs too much.
pub fn read(source: impl Read, algorithm: &Digest, budget: &Budget) -> Result<ReadLayer, LayerError> {
    let mut source = Inflow::new(source);
    let compression = Compression::of(&source.beginning()?)?;
    let compressed_bytes = source.counter();
    let unpacked = compression.unpack(source);
    let meter = Meter::new(unpacked, compressed_bytes, algorithm.hashing(), compression, budget);
    let mut archive = Archive::new(meter);
    let mut view = LayerView::default();
    while let Some(entry) = archive.next_entry()? {
        budget.count_entry()?;
        if let Some(place) = place_of(&entry)? {
            keep(&mut view, place, entry, &mut archive, budget)?;
        }
    }
    let diff_id = archive.finish()?.finish();
    Ok(ReadLayer { view, diff_id, compression })
}

/// What an entry does.
enum Place {
    /// It is at this path.
    At(String),
    /// It takes this path away.
    Whiteout(String),
    /// It hides what is below this folder.
    Opaque(String),
}

/// `None` where nobody looks.
fn place_of(entry: &Entry) -> Result<Option<Place>, LayerError> {
    let path = normalized(&entry.path)?;
    let (parent, name) = parent_and_name(&path);
    let place = match name.strip_prefix(WHITEOUT) {
        None => wanted(&path).map(|_| Place::At(path)),
        Some(_) if name == OPAQUE => wanted(parent).map(|_| Place::Opaque(parent.to_owned())),
        // What else begins so is the book-keeping of a file system.
        Some(rest) if rest.starts_with(WHITEOUT) => None,
        Some(rest) => {
            let gone = if parent.is_empty() { rest.to_owned() } else { format!("{parent}/{rest}") };
            wanted(&gone).map(|_| Place::Whiteout(gone))
        }
    };
    Ok(place)
}

fn keep<R: Read>(
    view: &mut LayerView,
    place: Place,
    entry: Entry,
    archive: &mut Archive<R>,
    budget: &Budget,
) -> Result<(), LayerError> {
    if view.nodes.len() + view.whiteouts.len() + view.opaque.len() >= KEPT_ENTRIES_MAX {
        return Err(LayerError::TooManyKept);
    }
    let path = match place {
        Place::Whiteout(path) => {
            view.whiteouts.push(path);
            return Ok(());
        }
        Place::Opaque(path) => {
            view.opaque.push(path);
            return Ok(());
        }
        Place::At(path) => path,
    };
    let node = match entry.kind {
        EntryKind::File => match wanted(&path) {
            Some(Wanted::File { bytes_max }) => {
                budget.keep(entry.size.min(bytes_max))?;
                let kept = KeptFile::take(archive, bytes_max).map_err(LayerError::from_read)?;
                Node::File(kept.map_err(LayerError::Disk)?)
            }
            _ => Node::Other,
        },
        EntryKind::SparseFile => Node::SparseFile,
        EntryKind::Symlink(target) => Node::Symlink(String::from_utf8_lossy(&target).into_owned()),
        EntryKind::HardLink(target) => Node::HardLink(normalized(&target)?),
        EntryKind::Folder => Node::Folder,
        EntryKind::Other => Node::Other,
    };
    view.nodes.push((path, node));
    Ok(())
}

#[cfg(test)]
mod tests;

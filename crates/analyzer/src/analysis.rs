//! One image, from its name to its inventory.

use std::collections::BTreeMap;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use cause::{Cause, CauseCode};
use futures::{FutureExt, StreamExt, stream};
use oci_registry::{Blob, Digest, ManifestReference, Session, open_blob};
use tokio::sync::mpsc;

use crate::Bounds;
use crate::bounds::LAYERS_AT_ONCE_MAX;
use crate::failure::{AnalysisFailure, FailedStep};
use crate::image::{self, Image, Layer, PlatformChoice};
use crate::inventory::Inventory;
use crate::layer::{self, Budget, LayerError, ReadLayer};
use crate::rootfs::Tree;

/// Pieces of a layer that were received and not read yet.
const CHUNKS_AHEAD_MAX: usize = 8;

/// What was found.
#[derive(Debug)]
pub struct Analysis {
    /// What the reference means: of an index where it is one.
    pub digest: Digest,
    /// Of the image that was looked into.
    pub manifest_digest: Digest,
    /// `linux/amd64`.
    pub platform: String,
    pub layers: usize,
    /// Of all layers, as the registry has them.
    pub compressed_bytes: u64,
    pub unpacked_bytes: u64,
    pub entries: u64,
    /// How many layers are compressed how.
    pub compressions: BTreeMap<String, usize>,
    pub inventory: Inventory,
}

/// Pulls and reads the image that `fetched` is, or has for the platform.
///
/// # Errors
/// The first thing that is wrong with it, free of secrets.
pub async fn analyse(
    session: &mut Session,
    fetched: oci_registry::FetchedManifest,
    choice: &PlatformChoice,
    bounds: &Bounds,
) -> Result<Analysis, AnalysisFailure> {
    let digest = fetched.digest.clone();
    let image = image::select(session, fetched, choice, bounds).await?;
    let budget = Budget::new(bounds.clone());
    let (tree, compressions) = read_layers(session, &image, &budget).await?;
    // Databases may be large, and reading them does not wait for anything.
    let read = tokio::task::spawn_blocking(move || Inventory::read(&tree)).await;
    Ok(Analysis {
        digest,
        manifest_digest: image.manifest_digest,
        platform: image.platform.to_string(),
        layers: image.layers.len(),
        compressed_bytes: image.layers.iter().map(|layer| layer.blob.size).sum(),
        unpacked_bytes: budget.unpacked_bytes(),
        entries: budget.entries(),
        compressions,
        inventory: read.map_err(ended)?,
    })
}

/// What a tag or a digest means now.
pub async fn resolve(
    session: &mut Session,
    reference: &ManifestReference,
) -> Result<oci_registry::FetchedManifest, AnalysisFailure> {
    image::resolve(session, reference).await
}

/// Reads some layers at a time, and lays them upon one another in their order.
async fn read_layers(
    session: &Session,
    image: &Image,
    budget: &Budget,
) -> Result<(Tree, BTreeMap<String, usize>), AnalysisFailure> {
    let mut tree = Tree::default();
    let mut compressions = BTreeMap::new();
    let reading = image.layers.iter().map(|layer| read_named(session.clone(), layer.clone(), budget.clone()).boxed());
    // Collected, because a stream that borrows cannot be sent between threads (a limit of the compiler).
    let reading: Vec<_> = reading.collect();
    let mut layers = stream::iter(reading).buffered(LAYERS_AT_ONCE_MAX);
    while let Some(read) = layers.next().await {
        let read = read?;
        *compressions.entry(read.compression.to_string()).or_default() += 1;
        tree.apply(read.view);
    }
    Ok((tree, compressions))
}

/// Reads a layer; a failure names it.
async fn read_named(session: Session, layer: Layer, budget: Budget) -> Result<ReadLayer, AnalysisFailure> {
    read_layer(session, &layer, budget).await.map_err(|failure| {
        failure
            .with("layer", layer.blob.digest.as_str())
            .with("layer_number", layer.number)
            .with("media_type", layer.blob.media_type.as_str())
    })
}

async fn read_layer(mut session: Session, layer: &Layer, budget: Budget) -> Result<ReadLayer, AnalysisFailure> {
    let mut blob = open_blob(&mut session, &layer.blob).await.map_err(AnalysisFailure::pull)?;
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD_MAX);
    let expected = layer.diff_id.clone();
    let reading =
        tokio::task::spawn_blocking(move || layer::read(Chunks { receiver, chunk: Bytes::new() }, &expected, &budget));
    let pull = |cause| AnalysisFailure::new(FailedStep::Pull, cause);
    // What was wrong on the way explains whatever the reader says of it.
    feed(&mut blob, sender).await.map_err(pull)?;
    let read = reading.await.map_err(ended)?;
    match read {
        Ok(read) if read.diff_id == layer.diff_id => Ok(read),
        Ok(read) => Err(other_content(layer, &read.diff_id)),
        Err(error) => {
            // Bytes that were damaged on the way make no sense either. The rest of them tells which it is.
            if error.code() == CauseCode::Parse {
                while blob.chunk().await.map_err(pull)?.is_some() {}
            }
            Err(unreadable(layer, &error))
        }
    }
}

/// Hands the blob on, to its end or until nobody wants more of it.
async fn feed(blob: &mut Blob, sender: mpsc::Sender<Bytes>) -> Result<(), Cause> {
    while let Some(chunk) = blob.chunk().await? {
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn unreadable(layer: &Layer, error: &LayerError) -> AnalysisFailure {
    let summary = format!("layer {}: {error}", layer.number);
    AnalysisFailure::new(FailedStep::Unpack, Cause::new(error.code(), summary, error.hint()))
}

fn other_content(layer: &Layer, actual: &Digest) -> AnalysisFailure {
    let summary = format!("layer {} unpacks to other content than the image's configuration names", layer.number);
    let hint = "The image was put together wrongly, or layers were exchanged: build it anew and push it again, and find \
                out what changed it.";
    // The bytes are those of the manifest, so another try brings the same.
    let cause = Cause::new(CauseCode::Checksum, summary, hint)
        .with_retryable(false)
        .with_evidence("expected_diff_id", layer.diff_id.as_str())
        .with_evidence("actual_diff_id", actual.as_str());
    AnalysisFailure::new(FailedStep::Unpack, cause)
}

/// A thread of ours that panicked, or was ended with the process.
fn ended(error: tokio::task::JoinError) -> AnalysisFailure {
    if let Ok(panic) = error.try_into_panic() {
        std::panic::resume_unwind(panic);
    }
    let hint = "It is taken up again by itself.";
    let cause = Cause::new(CauseCode::Unavailable, "this process is being stopped", hint);
    AnalysisFailure::new(FailedStep::Analyze, cause)
}

/// The pieces of a blob as a source to read from, on a thread that may wait. They end also where the pulling does, in
/// whatever way: whoever pulls knows how.
struct Chunks {
    receiver: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let read = self.chunk.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.chunk[..read]);
        self.chunk.advance(read);
        Ok(read)
    }
}

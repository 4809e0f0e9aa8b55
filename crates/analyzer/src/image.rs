//! Which image is meant, and what it is made of: from a tag or a digest, over indexes, to the layers.

mod configuration;
mod platform;

use cause::{Cause, CauseCode};
use oci_registry::{
    Descriptor, Digest, FetchedManifest, ImageIndex, ImageManifest, Manifest, ManifestReference, Platform, Session,
    fetch, open_blob,
};

use self::configuration::Configuration;
pub use self::platform::PlatformChoice;
use crate::bounds::{Bounds, CONFIG_BYTES_MAX, INDEX_DEPTH_MAX, LAYERS_MAX};
use crate::failure::{AnalysisFailure, FailedStep};

/// What a layer's media type begins or ends with (OCI image specification; Docker image manifest, version 2 schema 2).
const LAYER_TYPES: [&str; 3] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.container.image.rootfs.diff",
];
/// Layers that are kept elsewhere, for legal reasons.
const FOREIGN_LAYER_TYPES: [&str; 2] =
    ["application/vnd.docker.image.rootfs.foreign.diff.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar"];

/// An image, ready to be read.
#[derive(Debug)]
pub struct Image {
    /// Of the manifest of this very image.
    pub manifest_digest: Digest,
    pub platform: Platform,
    /// From the base up.
    pub layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
pub struct Layer {
    /// Counted from 1, the base.
    pub number: usize,
    pub blob: Descriptor,
    /// The digest of what it unpacks to.
    pub diff_id: Digest,
}

/// What `reference` means now.
pub async fn resolve(session: &mut Session, reference: &ManifestReference) -> Result<FetchedManifest, AnalysisFailure> {
    fetch(session, reference).await.map_err(AnalysisFailure::manifest)
}

/// The image behind `fetched`: itself, or the one for `choice` where it is an index.
pub async fn select(
    session: &mut Session,
    fetched: FetchedManifest,
    choice: &PlatformChoice,
    bounds: &Bounds,
) -> Result<Image, AnalysisFailure> {
    let mut fetched = fetched;
    for _ in 0..=INDEX_DEPTH_MAX {
        let index = match fetched.manifest {
            Manifest::Image(manifest) => {
                let digest = fetched.digest;
                return read_image(session, &digest, manifest, bounds)
                    .await
                    .map_err(|failure| failure.with("manifest_digest", digest.as_str()));
            }
            Manifest::Index(index) => index,
        };
        let chosen = choice.of(&index).ok_or_else(|| no_platform(choice, &index, &fetched.digest))?;
        let chosen = ManifestReference::Digest(chosen.descriptor.digest.clone());
        fetched = resolve(session, &chosen).await?;
    }
    let summary = format!("the index names an index, and so on for more than {INDEX_DEPTH_MAX} levels");
    let hint = "No tool that makes images nests indexes so deep: build the index anew from the images themselves.";
    Err(AnalysisFailure::new(FailedStep::Manifest, Cause::new(CauseCode::TooLarge, summary, hint)))
}

fn no_platform(choice: &PlatformChoice, index: &ImageIndex, digest: &Digest) -> AnalysisFailure {
    let names = index.entries.iter().filter_map(|entry| entry.platform.as_ref()).map(Platform::to_string);
    let there: Vec<String> = names.take(16).collect();
    let summary = format!("the image is for other platforms than {choice}: {}", there.join(", "));
    let hint = "Push the image for this platform as well, or set services.analyzer.platform to one that it is for.";
    let cause = Cause::new(CauseCode::NotFound, summary, hint)
        .with_evidence("platforms", there)
        .with_evidence("index_digest", digest.as_str());
    AnalysisFailure::new(FailedStep::Pull, cause)
}

async fn read_image(
    session: &mut Session,
    digest: &Digest,
    manifest: ImageManifest,
    bounds: &Bounds,
) -> Result<Image, AnalysisFailure> {
    if !manifest.is_image() {
        let what = manifest.artifact_type.as_ref().unwrap_or(&manifest.config.media_type);
        let summary = format!("no container image, but `{}`", cause::truncated(what, 128));
        let hint = "Signatures, charts and other artifacts have no root file system to look into: leave them out.";
        let cause = Cause::new(CauseCode::Unsupported, summary, hint);
        return Err(AnalysisFailure::new(FailedStep::Manifest, cause));
    }
    check_layers(&manifest, bounds)?;
    let blob = open_blob(session, &manifest.config).await.map_err(AnalysisFailure::pull)?;
    let content = blob.whole(CONFIG_BYTES_MAX).await;
    let content = content.map_err(|cause| AnalysisFailure::new(FailedStep::Pull, cause))?;
    let configuration = Configuration::parse(&content).map_err(|what| bad_configuration(&manifest, &what))?;
    if configuration.diff_ids.len() != manifest.layers.len() {
        let (announced, there) = (configuration.diff_ids.len(), manifest.layers.len());
        let what = format!("names {announced} layers, and the manifest has {there}");
        return Err(bad_configuration(&manifest, &what));
    }
    let layers = manifest.layers.into_iter().zip(configuration.diff_ids);
    let layers = (1..).zip(layers).map(|(number, (blob, diff_id))| Layer { number, blob, diff_id }).collect();
    Ok(Image { manifest_digest: digest.clone(), platform: configuration.platform, layers })
}

/// What can be refused before anything is pulled.
fn check_layers(manifest: &ImageManifest, bounds: &Bounds) -> Result<(), AnalysisFailure> {
    let refused =
        |code, summary, hint: &str| Err(AnalysisFailure::new(FailedStep::Manifest, Cause::new(code, summary, hint)));
    if manifest.layers.len() > LAYERS_MAX {
        let summary = format!("{} layers, expected at most {LAYERS_MAX}", manifest.layers.len());
        return refused(CauseCode::TooLarge, summary, "Build the image with fewer layers; no engine runs that many.");
    }
    for (number, layer) in (1..).zip(&manifest.layers) {
        let is_of = |types: &[&str]| types.iter().any(|known| layer.media_type.starts_with(known));
        let media_type = cause::truncated(&layer.media_type, 128);
        if is_of(&FOREIGN_LAYER_TYPES) {
            let summary = format!("layer {number} is kept elsewhere than at the registry (`{media_type}`)");
            let hint = "Images on a base that may not be passed on (Windows) cannot be analysed from a registry alone.";
            return refused(CauseCode::Unsupported, summary, hint);
        }
        if !is_of(&LAYER_TYPES) {
            let summary = format!("layer {number} is of an unknown type: `{media_type}`");
            let hint = "Only archives are read, OCI's and Docker's, in gzip, zstd or none: if this is an image, build it \
                        with such layers.";
            return refused(CauseCode::Unsupported, summary, hint);
        }
        if layer.size > bounds.layer_bytes_max {
            let (bytes, max) = (layer.size, bounds.layer_bytes_max);
            let summary = format!("layer {number} has {bytes} bytes, expected at most {max}");
            let hint = "If the image is meant to be that large, raise services.analyzer.layer_bytes_max; else look into \
                        how it is built.";
            return refused(CauseCode::TooLarge, summary, hint);
        }
    }
    Ok(())
}

fn bad_configuration(manifest: &ImageManifest, what: &str) -> AnalysisFailure {
    let hint = "The image was put together wrongly: build it anew with a current tool and push it again.";
    let cause = Cause::new(CauseCode::Parse, format!("the image's configuration {what}"), hint)
        .with_evidence("config_digest", manifest.config.digest.as_str());
    AnalysisFailure::new(FailedStep::Manifest, cause)
}

//! Manifests: what an image is made of, and indexes of images for several platforms.

use cause::CauseCode;
use serde_json::Value;

use crate::Digest;
use crate::media_type::{self, DOCKER_CONFIG, DocumentKind, OCI_CONFIG};
use crate::what_it_is::what_it_is;

/// Most layers of one image; runtimes give up at some hundred.
pub const LAYERS_MAX: usize = 1000;
/// Most images of one index.
pub const INDEX_ENTRIES_MAX: usize = 1000;

/// A document that a registry keeps under a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    Image(ImageManifest),
    Index(ImageIndex),
}

/// One image, or something else that is kept in the form of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    pub config: Descriptor,
    /// From the base up.
    pub layers: Vec<Descriptor>,
    /// What it is where it is no image, if it says so.
    pub artifact_type: Option<String>,
}

/// Images that are one thing on several platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIndex {
    /// At least one.
    pub entries: Vec<IndexEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    pub descriptor: Descriptor,
    pub platform: Option<Platform>,
}

/// What an image runs on: `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

/// Content that is kept elsewhere in the same repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A document that is no manifest for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ManifestProblem {
    pub(crate) code: CauseCode,
    /// As a fragment after "answered with".
    pub(crate) what: String,
    pub(crate) hint: &'static str,
}

impl ImageManifest {
    /// Whether it is an image. Signatures, charts and the like are kept in the same form, with a configuration of
    /// another type.
    pub fn is_image(&self) -> bool {
        [OCI_CONFIG, DOCKER_CONFIG].contains(&self.config.media_type.as_str())
    }
}

impl IndexEntry {
    /// Whether it can be an image: what builders attach to one has the platform `unknown`.
    pub fn may_be_image(&self) -> bool {
        media_type::kind(&self.descriptor.media_type) == DocumentKind::Image
            && self.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl Manifest {
    /// Reads a document. `content_type` is what the registry says about it; where that is nothing much, the document's
    /// own `mediaType` counts, and then its members.
    pub(crate) fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Self, ManifestProblem> {
        let announced = content_type.map_or(DocumentKind::Generic, media_type::kind);
        let Ok(document) = serde_json::from_slice::<Value>(body) else {
            return Err(no_manifest(what_it_is(body)));
        };
        if !document.is_object() {
            return Err(no_manifest("JSON that is no object"));
        }
        if announced == DocumentKind::DockerSchema1 || document["schemaVersion"] == 1 {
            return Err(schema_1());
        }
        if document["schemaVersion"] != 2 {
            return Err(no_manifest("JSON without `schemaVersion: 2`"));
        }
        let own = document["mediaType"].as_str().unwrap_or_default();
        match agreed(announced, media_type::kind(own), &document)? {
            DocumentKind::Image => image(&document).map(Self::Image),
            DocumentKind::Index => index(&document).map(Self::Index),
            _ => Err(unknown(if own.is_empty() { content_type.unwrap_or_default() } else { own })),
        }
    }
}

/// What the document is when everything that is said about it is taken together. One that can be read in two ways is
/// refused: two readers would see two images under one digest.
fn agreed(announced: DocumentKind, own: DocumentKind, document: &Value) -> Result<DocumentKind, ManifestProblem> {
    use DocumentKind::{Generic, Image, Index, Unknown};
    let looks_like_image = document.get("config").is_some() || document.get("layers").is_some();
    let looks_like_index = document.get("manifests").is_some();
    let by_members = match (looks_like_image, looks_like_index) {
        (true, true) => return Err(no_manifest("a document that is a manifest and an index at once")),
        (true, false) => Image,
        (false, true) => Index,
        (false, false) => Generic,
    };
    let kinds = [announced, own, by_members];
    if kinds.contains(&Image) && kinds.contains(&Index) {
        return Err(no_manifest("a document that contradicts its media type"));
    }
    // What a document says itself counts for more than what its members look like: an artifact may have layers.
    let said = [announced, own].into_iter().find(|kind| *kind != Generic);
    Ok(said.unwrap_or(if by_members == Generic { Unknown } else { by_members }))
}

fn image(document: &Value) -> Result<ImageManifest, ManifestProblem> {
    let config = document.get("config").ok_or_else(|| no_manifest("a manifest without `config`"))?;
    let layers = list(document, "layers", LAYERS_MAX)?;
    let artifact_type = document["artifactType"].as_str().map(str::to_owned);
    Ok(ImageManifest {
        config: descriptor(config, "config")?,
        layers: each(layers, "layers", descriptor)?,
        artifact_type,
    })
}

fn index(document: &Value) -> Result<ImageIndex, ManifestProblem> {
    let entries = list(document, "manifests", INDEX_ENTRIES_MAX)?;
    if entries.is_empty() {
        return Err(no_manifest("an index of no manifests"));
    }
    let entry = |value: &Value, path: &str| {
        Ok(IndexEntry { descriptor: descriptor(value, path)?, platform: platform(&value["platform"]) })
    };
    Ok(ImageIndex { entries: each(entries, "manifests", entry)? })
}

fn list<'a>(document: &'a Value, name: &str, items_max: usize) -> Result<&'a Vec<Value>, ManifestProblem> {
    let items = document.get(name).ok_or_else(|| no_manifest(format!("a manifest without `{name}`")))?;
    let items = items.as_array().ok_or_else(|| no_manifest(format!("a manifest whose `{name}` is no list")))?;
    if items.len() > items_max {
        let what = format!("a manifest with {} `{name}`, expected at most {items_max}", items.len());
        let hint = "Build the image with fewer layers, or the index for fewer platforms.";
        return Err(ManifestProblem { code: CauseCode::TooLarge, what, hint });
    }
    Ok(items)
}

fn each<T>(
    items: &[Value],
    name: &str,
    read: impl Fn(&Value, &str) -> Result<T, ManifestProblem>,
) -> Result<Vec<T>, ManifestProblem> {
    items.iter().enumerate().map(|(number, item)| read(item, &format!("{name}[{number}]"))).collect()
}

fn descriptor(value: &Value, path: &str) -> Result<Descriptor, ManifestProblem> {
    let wrong = |member: &str| no_manifest(format!("a manifest without a valid `{path}.{member}`"));
    let media_type = value["mediaType"].as_str().ok_or_else(|| wrong("mediaType"))?.to_owned();
    let digest = value["digest"].as_str().and_then(|text| text.parse().ok()).ok_or_else(|| wrong("digest"))?;
    let size = value["size"].as_u64().ok_or_else(|| wrong("size"))?;
    Ok(Descriptor { media_type, digest, size })
}

fn platform(value: &Value) -> Option<Platform> {
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Platform { os: text("os")?, architecture: text("architecture")?, variant: text("variant") })
}

fn no_manifest(what: impl Into<String>) -> ManifestProblem {
    let hint = "Push the image again. If other images of the registry fail alike, a proxy or a login page may answer in \
                its place: `body` has the beginning of the answer.";
    ManifestProblem { code: CauseCode::Parse, what: what.into(), hint }
}

fn schema_1() -> ManifestProblem {
    let hint = "Pull the image with a current docker or skopeo and push it again, which converts it: schema 1 is no \
                longer supported by registries and runtimes.";
    let what = "a manifest of Docker schema 1".to_owned();
    ManifestProblem { code: CauseCode::Unsupported, what, hint }
}

fn unknown(media_type: &str) -> ManifestProblem {
    let hint = "Only images and indexes of images are understood, OCI's and Docker's. What else is kept under this tag \
                cannot be analysed: watch other tags.";
    let media_type: String = media_type.chars().take(128).collect();
    let what = if media_type.is_empty() {
        "a document of no known type".to_owned()
    } else {
        format!("a document of the type `{media_type}`")
    };
    ManifestProblem { code: CauseCode::Unsupported, what, hint }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};

    fn entry(media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": Digest::sha256(b"").to_string(), "size": 2})
    }

    fn image_document(own: &str) -> Value {
        json!({"schemaVersion": 2, "mediaType": own, "config": entry(OCI_CONFIG), "layers": [entry("x"), entry("y")]})
    }

    fn index_document() -> Value {
        let mut linux = entry(OCI_MANIFEST);
        linux["platform"] = json!({"os": "linux", "architecture": "arm64", "variant": "v8"});
        let mut attached = entry(OCI_MANIFEST);
        attached["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        json!({"schemaVersion": 2, "manifests": [linux, attached, entry(OCI_MANIFEST)]})
    }

    fn check(content_type: Option<&str>, document: &Value, expected: Result<&str, (CauseCode, &str)>) {
        let parsed = Manifest::parse(content_type, document.to_string().as_bytes());
        match (parsed, expected) {
            (Ok(Manifest::Image(image)), Ok("image")) => assert_eq!(image.layers.len(), 2),
            (Ok(Manifest::Index(index)), Ok("index")) => assert_eq!(index.entries.len(), 3),
            (Err(problem), Err((code, part))) => {
                assert!(problem.code == code && problem.what.contains(part), "{document}: {problem:?}");
            }
            (parsed, _) => panic!("{document}: {parsed:?}"),
        }
    }

    #[test]
    fn manifests_and_indexes_are_known_by_whatever_names_them() {
        for media_type in [OCI_MANIFEST, DOCKER_MANIFEST] {
            check(Some(media_type), &image_document(media_type), Ok("image"));
            check(Some("application/json"), &image_document(media_type), Ok("image"));
            check(Some(media_type), &image_document(""), Ok("image"));
        }
        for media_type in [OCI_INDEX, DOCKER_LIST] {
            check(Some(media_type), &index_document(), Ok("index"));
        }
        check(None, &image_document(""), Ok("image"));
        check(None, &index_document(), Ok("index"));
    }

    #[test]
    fn what_is_no_manifest_is_called_what_it_is() {
        use CauseCode::{Parse, TooLarge, Unsupported};
        let body = |body: &str| Manifest::parse(None, body.as_bytes()).unwrap_err().what;
        assert_eq!(body("<html>"), "an HTML page");
        assert_eq!(body("{\"schemaVersion\":"), "broken JSON");
        check(None, &json!([]), Err((Parse, "no object")));
        check(None, &json!({}), Err((Parse, "without `schemaVersion: 2`")));
        check(None, &json!({"schemaVersion": 1, "fsLayers": []}), Err((Unsupported, "Docker schema 1")));
        check(None, &json!({"schemaVersion": 2}), Err((Unsupported, "no known type")));
        check(Some("text/x"), &image_document(""), Err((Unsupported, "`text/x`")));
        check(Some(OCI_MANIFEST), &index_document(), Err((Parse, "contradicts")));
        check(Some(OCI_INDEX), &image_document(OCI_MANIFEST), Err((Parse, "contradicts")));
        check(Some(OCI_INDEX), &json!({"schemaVersion": 2}), Err((Parse, "without `manifests`")));
        check(Some(OCI_INDEX), &json!({"schemaVersion": 2, "manifests": []}), Err((Parse, "index of no manifests")));
        let mut both = image_document("");
        both["manifests"] = json!([]);
        check(None, &both, Err((Parse, "at once")));
        let mut many = image_document("");
        many["layers"] = vec![entry("x"); LAYERS_MAX + 1].into();
        check(None, &many, Err((TooLarge, "1001 `layers`")));
    }

    #[test]
    fn a_wrong_part_is_named() {
        let wrong = |path: &str, value: Value, expected: &str| {
            let mut document = image_document("");
            *document.pointer_mut(path).unwrap() = value;
            check(None, &document, Err((CauseCode::Parse, expected)));
        };
        wrong("/layers/1/digest", "sha256:0".into(), "`layers[1].digest`");
        wrong("/layers/0/size", json!(-1), "`layers[0].size`");
        wrong("/config/mediaType", Value::Null, "`config.mediaType`");
        wrong("/layers", json!({}), "`layers` is no list");
        wrong("/config", Value::Null, "`config.mediaType`");
    }

    #[test]
    fn what_is_no_image_is_told_apart() {
        let Ok(Manifest::Index(index)) = Manifest::parse(None, index_document().to_string().as_bytes()) else {
            panic!("an index")
        };
        assert_eq!(index.entries.iter().map(IndexEntry::may_be_image).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(index.entries[0].platform.as_ref().unwrap().to_string(), "linux/arm64/v8");
        let mut chart = image_document("");
        chart["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json".into();
        let Ok(Manifest::Image(chart)) = Manifest::parse(None, chart.to_string().as_bytes()) else {
            panic!("a manifest")
        };
        assert!(!chart.is_image());
    }
}

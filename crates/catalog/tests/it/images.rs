//! Images as a registry of the tests has them.

use fixtures::{Reply, answer, page, sha256};
use serde_json::json;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The manifest of an image; `content` makes one differ from another.
pub fn manifest(content: &str) -> String {
    let digest = sha256(content.as_bytes());
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 2});
    json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}).to_string()
}

/// A registry that works: it lists `tags`, and has an image under each, the one that `content` makes.
pub fn registry(head: &str, tags: &[&str], content: &str) -> Reply {
    if asks_manifest(head) { image(head, &manifest(content)) } else { page(tags, &[]) }
}

pub fn asks_manifest(head: &str) -> bool {
    head.split(' ').nth(1).is_some_and(|target| target.contains("/manifests/"))
}

/// The answer to HEAD or GET of `manifest`.
pub fn image(head: &str, manifest: &str) -> Reply {
    let digest = format!("Docker-Content-Digest: {}", sha256(manifest.as_bytes()));
    let length = format!("Content-Length: {}", manifest.len());
    let headers = [digest.as_str(), length.as_str(), &format!("Content-Type: {OCI_MANIFEST}")];
    answer("200 OK", &headers, if head.starts_with("HEAD") { "" } else { manifest })
}

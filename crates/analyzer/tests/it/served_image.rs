//! An image as a registry serves it, and every way to serve it wrongly.

use std::collections::HashMap;

use fixtures::{FaultServer, Reply, answer, sha256};
use serde_json::{Value, json};

use crate::tar_builder::gzip;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Every image is served as this repository and tag.
pub const PATH: &str = "team/app";
pub const TAG: &str = "1.0";

/// A part of an image: its bytes, and what the manifest says of them.
#[derive(Clone)]
pub struct Part {
    pub bytes: Vec<u8>,
    pub descriptor: Value,
}

#[derive(Clone)]
pub struct ServedImage {
    pub config: Value,
    pub layers: Vec<Part>,
    /// In place of the one that is made of the parts.
    pub manifest: Option<Vec<u8>>,
    pub media_type: &'static str,
    /// In place of the configuration's own bytes.
    pub config_bytes: Option<Vec<u8>>,
}

/// What a registry has, by the end of the path.
pub type Content = HashMap<String, (String, Vec<u8>)>;

impl ServedImage {
    /// Of these archives, compressed.
    pub fn of(archives: &[Vec<u8>]) -> Self {
        let layers: Vec<(Vec<u8>, Vec<u8>)> = archives.iter().map(|archive| (archive.clone(), gzip(archive))).collect();
        Self::of_layers(&layers)
    }

    /// Of archives and what they are compressed to.
    pub fn of_layers(layers: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|(archive, _)| sha256(archive)).collect();
        let config = json!({
            "os": "linux", "architecture": "amd64", "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let layers = layers.iter().map(|(_, blob)| Part::new(blob.clone(), OCI_LAYER)).collect();
        Self { config, layers, manifest: None, media_type: OCI_MANIFEST, config_bytes: None }
    }

    pub fn config_part(&self) -> Part {
        let bytes = self.config_bytes.clone().unwrap_or_else(|| self.config.to_string().into_bytes());
        Part::new(bytes, OCI_CONFIG)
    }

    pub fn manifest(&self) -> Vec<u8> {
        self.manifest.clone().unwrap_or_else(|| self.manifest_value().to_string().into_bytes())
    }

    pub fn manifest_value(&self) -> Value {
        let layers: Vec<Value> = self.layers.iter().map(|layer| layer.descriptor.clone()).collect();
        json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": self.config_part().descriptor, "layers": layers,
        })
    }

    pub fn digest(&self) -> String {
        sha256(&self.manifest())
    }

    /// By `manifests/<reference>` and `blobs/<digest>`.
    pub fn content(&self) -> Content {
        let manifest = (self.media_type.to_owned(), self.manifest());
        let mut content = Content::new();
        for reference in [TAG.to_owned(), self.digest()] {
            content.insert(format!("manifests/{reference}"), manifest.clone());
        }
        for part in self.layers.iter().chain([&self.config_part()]) {
            let digest = part.descriptor["digest"].as_str().unwrap();
            content.insert(format!("blobs/{digest}"), ("application/octet-stream".to_owned(), part.bytes.clone()));
        }
        content
    }

    pub fn serve(&self) -> FaultServer {
        serve(self.content())
    }

    /// With `fault` in place of the first answer that it has one for.
    pub fn serve_with(&self, fault: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> FaultServer {
        serve_with(self.content(), fault)
    }

    /// The path of layer `number`, from 0.
    pub fn layer_path(&self, number: usize) -> String {
        format!("blobs/{}", self.layers[number].descriptor["digest"].as_str().unwrap())
    }

    pub fn config_path(&self) -> String {
        format!("blobs/{}", self.config_part().descriptor["digest"].as_str().unwrap())
    }
}

impl Part {
    pub fn new(bytes: Vec<u8>, media_type: &str) -> Self {
        let descriptor = json!({"mediaType": media_type, "digest": sha256(&bytes), "size": bytes.len()});
        Self { bytes, descriptor }
    }
}

pub fn serve(content: Content) -> FaultServer {
    serve_with(content, |_| None)
}

pub fn serve_with(content: Content, fault: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> FaultServer {
    FaultServer::plain(move |head| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let name = target.strip_prefix(&format!("/v2/{PATH}/")).unwrap_or(target);
        if let Some(reaction) = fault(name) {
            return reaction;
        }
        match content.get(name) {
            Some((media_type, bytes)) => answer("200 OK", &[&format!("Content-Type: {media_type}")], bytes),
            None => answer("404 Not Found", &[], errors("MANIFEST_UNKNOWN", "manifest unknown")),
        }
    })
}

/// As registries say it.
pub fn errors(code: &str, message: &str) -> String {
    json!({"errors": [{"code": code, "message": message}]}).to_string()
}

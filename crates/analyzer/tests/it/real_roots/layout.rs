//! An OCI image layout of some folders, a layer each.

use std::io::Write;
use std::path::{Path, PathBuf};

use fixtures::sha256;
use serde_json::{Value, json};

use super::{run, text};
use crate::served_image::{OCI_CONFIG, OCI_MANIFEST};
use crate::tar_builder::{gzip, zstd};

#[derive(Clone, Copy)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What goes into a layer: everything in the folder, or these paths of it.
pub struct Folder {
    pub path: PathBuf,
    pub only: &'static [&'static str],
}

pub fn write(layers: &[Folder], packing: Packing, to: &Path) {
    std::fs::create_dir_all(to.join("blobs/sha256")).unwrap();
    let put = |content: &[u8], media_type: &str| -> Value {
        let digest = sha256(content);
        let mut file = std::fs::File::create(to.join("blobs").join(digest.replace(':', "/"))).unwrap();
        file.write_all(content).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": content.len()})
    };
    let mut diff_ids = Vec::new();
    let mut descriptors = Vec::new();
    for folder in layers {
        let archive = archive(folder);
        diff_ids.push(sha256(&archive));
        let (blob, suffix) = match packing {
            Packing::Plain => (archive, ""),
            Packing::Gzip => (gzip(&archive), "+gzip"),
            Packing::Zstd => (zstd(&archive), "+zstd"),
        };
        descriptors.push(put(&blob, &format!("application/vnd.oci.image.layer.v1.tar{suffix}")));
    }
    let rootfs = json!({"type": "layers", "diff_ids": diff_ids});
    let config = json!({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": rootfs});
    let config = put(config.to_string().as_bytes(), OCI_CONFIG);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": descriptors}).to_string();
    let manifest = put(manifest.as_bytes(), OCI_MANIFEST);
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(to.join("index.json"), index.to_string()).unwrap();
    std::fs::write(to.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
}

/// As GNU tar makes it.
fn archive(folder: &Folder) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (from, to) = (text(&folder.path), text(file.path()));
    let paths = if folder.only.is_empty() { &["."] } else { folder.only };
    run("tar", &[["-C", &from, "--numeric-owner", "-cf", &to].as_slice(), paths].concat());
    std::fs::read(file.path()).unwrap()
}

//! An image with one large layer, written to disk piece by piece and pushed by skopeo: this test has no more of it in
//! memory than the analyzer may have.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use fixtures::{RegistryAccess, RegistryServer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::served::tar_header;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MEBIBYTE: usize = 1 << 20;

pub struct LargeImage {
    registry: RegistryServer,
}

impl LargeImage {
    pub fn start(mebibytes: u64) -> Self {
        let registry = RegistryServer::start(RegistryAccess::Everybody);
        let layout = tempfile::tempdir().expect("a temporary directory");
        let blobs = layout.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a directory of our own");
        let layer = write_layer(&blobs, mebibytes);
        let rootfs = json!({"type": "layers", "diff_ids": [layer["digest"]]});
        let config = json!({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": rootfs});
        let config = write_blob(&blobs, &config, OCI_CONFIG);
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]});
        let manifest = write_blob(&blobs, &manifest, OCI_MANIFEST);
        write(&layout.path().join("index.json"), &json!({"schemaVersion": 2, "manifests": [manifest]}));
        write(&layout.path().join("oci-layout"), &json!({"imageLayoutVersion": "1.0.0"}));
        let image = Self { registry };
        let from = format!("oci:{}", layout.path().display());
        let to = format!("docker://{}", image.reference());
        let pushed = Command::new("skopeo").args(["copy", "--quiet", "--dest-tls-verify=false", &from, &to]).output();
        let pushed = pushed.expect("skopeo is installed; `cargo xtask test` installs it");
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
        image
    }

    pub fn reference(&self) -> String {
        format!("{}:1", self.registry.repository("team/large"))
    }
}

/// Files of a mebibyte each.
fn write_layer(blobs: &Path, mebibytes: u64) -> Value {
    let unnamed = blobs.join("unnamed");
    let mut file = BufWriter::new(File::create(&unnamed).expect("a file of our own"));
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut put = |bytes: &[u8]| {
        digest.update(bytes);
        size += bytes.len();
        file.write_all(bytes).expect("the disk has room");
    };
    let content: Vec<u8> = (0..MEBIBYTE).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect();
    for number in 0..mebibytes {
        put(&tar_header(&format!("usr/share/{number}"), MEBIBYTE as u64));
        put(&content);
    }
    put(&[0; 1024]);
    file.flush().expect("the disk has room");
    let hex = hex(&digest.finalize());
    std::fs::rename(unnamed, blobs.join(&hex)).expect("a file of our own");
    json!({"mediaType": OCI_LAYER, "digest": format!("sha256:{hex}"), "size": size})
}

fn write_blob(blobs: &Path, content: &Value, media_type: &str) -> Value {
    let hex = hex(&Sha256::digest(content.to_string()));
    write(&blobs.join(&hex), content);
    json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": content.to_string().len()})
}

fn write(file: &Path, content: &Value) {
    std::fs::write(file, content.to_string()).expect("a file of our own");
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

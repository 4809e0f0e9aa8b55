//! Small images at a registry of the test's own, different from one another.

use fixtures::{RegistryAccess, RegistryServer, sha256};
use serde_json::json;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const PATH: &str = "team/app";
/// Of a file beside the databases, so that reading takes a moment in which a worker can be killed.
const BALLAST_BYTES: usize = 96 << 20;

const STATUS: &str = "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: install ok installed\n\
                      Version: 2\n";

pub struct ServedImages {
    registry: RegistryServer,
}

impl ServedImages {
    /// Image `n` has the tag of its number, counted from 1.
    pub fn start(count: usize) -> Self {
        let registry = RegistryServer::start(RegistryAccess::Everybody);
        let pusher = registry.pusher();
        let ballast = archive(&[("usr/ballast", &vec![0; BALLAST_BYTES])]);
        let ballast_blob = pusher.push_blob(PATH, &ballast, OCI_LAYER);
        for number in 1..=count {
            let os_release = format!("ID=debian\nVERSION_ID=12\nBUILD_ID={number}\n");
            let files = [("etc/os-release", os_release.as_bytes()), ("var/lib/dpkg/status", STATUS.as_bytes())];
            let layer = archive(&files);
            let diff_ids = [sha256(&layer), sha256(&ballast)];
            let config = json!({
                "os": "linux", "architecture": "amd64", "config": {},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            });
            let config = pusher.push_blob(PATH, config.to_string().as_bytes(), OCI_CONFIG);
            let layer = pusher.push_blob(PATH, &layer, OCI_LAYER);
            let manifest = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST,
                "config": config, "layers": [layer, ballast_blob],
            });
            pusher.push_manifest(PATH, &number.to_string(), OCI_MANIFEST, manifest.to_string().as_bytes());
        }
        Self { registry }
    }

    /// `image` counts from 0.
    pub fn reference(&self, image: usize) -> String {
        format!("{}:{}", self.registry.repository(PATH), image + 1)
    }
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        archive.extend(tar_header(path, content.len() as u64));
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend([0; 1024]);
    archive
}

/// The block that begins a file (POSIX 1003.1-1988).
pub fn tar_header(path: &str, bytes: u64) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[124..135].copy_from_slice(format!("{bytes:011o}").as_bytes());
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

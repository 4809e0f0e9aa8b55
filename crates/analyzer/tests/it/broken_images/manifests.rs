//! Manifests, indexes and configurations that are none, or not for us.

use fixtures::sha256;
use serde_json::{Value, json};

use super::Fault;
use crate::served_image::{Content, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Part, ServedImage, TAG, serve};
use crate::tar_builder::TarBuilder;

fn image() -> ServedImage {
    ServedImage::of(&[TarBuilder::new().file("etc/os-release", "ID=debian").finish()])
}

fn changed(name: &'static str, change: impl FnOnce(&mut ServedImage)) -> Fault {
    let mut image = image();
    change(&mut image);
    Fault::of(name, image.serve())
}

/// The image, with a manifest that differs.
fn with_manifest(name: &'static str, change: impl FnOnce(&mut Value)) -> Fault {
    changed(name, |image| {
        let mut manifest = image.manifest_value();
        change(&mut manifest);
        image.manifest = Some(manifest.to_string().into_bytes());
    })
}

pub fn faults() -> Vec<Fault> {
    let mut faults = manifests();
    faults.extend(layers());
    faults.extend(configurations());
    faults.extend(indexes());
    faults
}

fn manifests() -> Vec<Fault> {
    let bytes = |name, media_type, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        changed(name, move |image| {
            image.media_type = media_type;
            image.manifest = Some(bytes);
        })
    };
    let schema_1 = json!({"schemaVersion": 1, "name": "team/app", "tag": "1.0", "fsLayers": []}).to_string();
    vec![
        bytes("a web page in place of the manifest", "text/html", b"<!DOCTYPE html><html>"),
        bytes("a manifest that is cut off", OCI_MANIFEST, &image().manifest()[..100]),
        bytes(
            "a manifest of schema 1",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            schema_1.as_bytes(),
        ),
        bytes("a manifest of an unknown type", "application/vnd.example.thing.v9+json", b"{\"schemaVersion\": 2}"),
        with_manifest("a manifest without layers", |manifest| {
            manifest.as_object_mut().unwrap().remove("layers");
        }),
        with_manifest("a manifest with a broken digest", |manifest| {
            manifest["layers"][0]["digest"] = "sha256:0".into();
        }),
        with_manifest("a chart and no image", |manifest| {
            manifest["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json".into();
        }),
        with_manifest("more layers than there may be", |manifest| {
            let layer = manifest["layers"][0].clone();
            manifest["layers"] = vec![layer; 600].into();
        }),
    ]
}

fn layers() -> Vec<Fault> {
    vec![
        changed("a layer of an unknown type", |image| {
            image.layers[0].descriptor["mediaType"] = "application/vnd.example.squashfs".into();
        }),
        changed("a layer that is kept elsewhere", |image| {
            let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
            image.layers[0].descriptor["mediaType"] = foreign.into();
        }),
        changed("a layer that is announced as huge", |image| {
            image.layers[0].descriptor["size"] = (1_u64 << 40).into();
        }),
    ]
}

fn configurations() -> Vec<Fault> {
    vec![
        changed("a configuration that is no JSON", |image| image.config_bytes = Some(b"no JSON".to_vec())),
        changed("a configuration without diff IDs", |image| image.config["rootfs"] = json!({})),
        changed("a configuration without a platform", |image| image.config["os"] = "".into()),
        changed("a configuration with a broken diff ID", |image| {
            image.config["rootfs"]["diff_ids"][0] = "sha256:xyz".into();
        }),
        changed("a configuration of other layers", |image| image.config["rootfs"]["diff_ids"] = json!([])),
        changed("a diff ID of other content", |image| {
            image.config["rootfs"]["diff_ids"][0] = sha256(b"other").into();
        }),
        with_manifest("a configuration that is announced as huge", |manifest| {
            manifest["config"]["size"] = (1_u64 << 40).into();
        }),
    ]
}

/// An index under the tag, and what else is there.
fn index(name: &'static str, entries: &[Value], others: &[&Content]) -> Fault {
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string();
    let mut content: Content = others.iter().flat_map(|other| (*other).clone()).collect();
    content.insert(format!("manifests/{TAG}"), (OCI_INDEX.to_owned(), index.into_bytes()));
    Fault::of(name, serve(content))
}

fn entry(image: &ServedImage, architecture: &str) -> Value {
    json!({
        "mediaType": OCI_MANIFEST, "digest": image.digest(), "size": image.manifest().len(),
        "platform": {"os": "linux", "architecture": architecture},
    })
}

fn indexes() -> Vec<Fault> {
    let image = image();
    // Each index names the one before, and the innermost the image.
    let mut content = image.content();
    let mut inner = entry(&image, "amd64");
    for _ in 0..8 {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]}).to_string();
        inner = json!({
            "mediaType": OCI_INDEX, "digest": sha256(index.as_bytes()), "size": index.len(),
            "platform": {"os": "linux", "architecture": "amd64"},
        });
        content.insert(
            format!("manifests/{}", inner["digest"].as_str().unwrap()),
            (OCI_INDEX.to_owned(), index.into_bytes()),
        );
    }
    vec![
        index("an index for other platforms", &[entry(&image, "arm64"), entry(&image, "s390x")], &[&image.content()]),
        index("an index of nothing", &[], &[]),
        index("an index of an image that is not there", &[entry(&image, "amd64")], &[]),
        index("an index of an index, and so on", &[inner], &[&content]),
    ]
}

/// For others: a layer with a label that is not its own.
pub fn mislabelled(archive: &[u8], blob: Vec<u8>, media_type: &str) -> ServedImage {
    let mut image = ServedImage::of_layers(&[(archive.to_vec(), blob.clone())]);
    image.layers[0] = Part::new(blob, media_type);
    assert_ne!(media_type, OCI_LAYER);
    image
}

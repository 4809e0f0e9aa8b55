//! Registries that refuse, break off, fall silent, or send other bytes than they announced.

use fixtures::{FaultServer, Reply, answer, answer_bytes};

use super::Fault;
use crate::served_image::{PATH, ServedImage, TAG, errors};
use crate::tar_builder::TarBuilder;

fn image() -> ServedImage {
    let database = "Package: a\nStatus: install ok installed\nVersion: 1\n";
    ServedImage::of(&[TarBuilder::new()
        .file("etc/os-release", "ID=debian")
        .file("var/lib/dpkg/status", database)
        .finish()])
}

/// The image, with `reaction` in place of what has this path.
fn instead(name: &'static str, path: impl Into<String>, reaction: impl Fn() -> Reply + Send + Sync + 'static) -> Fault {
    let path = path.into();
    Fault::of(name, image().serve_with(move |asked| (asked == path).then(&reaction)))
}

fn manifest() -> String {
    format!("manifests/{TAG}")
}

fn layer() -> String {
    image().layer_path(0)
}

pub fn faults() -> Vec<Fault> {
    let mut faults = refusals();
    faults.extend(broken_connections());
    faults.extend(other_bytes());
    faults.extend(redirects());
    faults
}

fn refusals() -> Vec<Fault> {
    let refuse = |status: &'static str, headers: &'static [&str], code: &'static str, message: &'static str| {
        move || answer(status, headers, errors(code, message))
    };
    vec![
        instead(
            "401 without credentials",
            manifest(),
            refuse(
                "401 Unauthorized",
                &["WWW-Authenticate: Basic realm=\"r\""],
                "UNAUTHORIZED",
                "authentication required",
            ),
        ),
        instead("403 for the manifest", manifest(), refuse("403 Forbidden", &[], "DENIED", "access denied")),
        instead("404 for the tag", manifest(), refuse("404 Not Found", &[], "MANIFEST_UNKNOWN", "manifest unknown")),
        instead(
            "404 for the repository",
            manifest(),
            refuse("404 Not Found", &[], "NAME_UNKNOWN", "repository name not known to registry"),
        ),
        instead(
            "429 for the manifest",
            manifest(),
            refuse("429 Too Many Requests", &["Retry-After: 120"], "TOOMANYREQUESTS", "slow down"),
        ),
        instead("429 for a layer", layer(), refuse("429 Too Many Requests", &[], "TOOMANYREQUESTS", "slow down")),
        instead("500 for the manifest", manifest(), || answer("500 Internal Server Error", &[], "oops")),
        instead("503 for a layer", layer(), || answer("503 Service Unavailable", &[], "<html>maintenance</html>")),
        instead("404 for a layer", layer(), refuse("404 Not Found", &[], "BLOB_UNKNOWN", "blob unknown to registry")),
        instead(
            "404 for the configuration",
            image().config_path(),
            refuse("404 Not Found", &[], "BLOB_UNKNOWN", "blob unknown to registry"),
        ),
        instead("403 for a layer", layer(), refuse("403 Forbidden", &[], "DENIED", "no")),
    ]
}

fn broken_connections() -> Vec<Fault> {
    let cut = || {
        let image = image();
        let blob = &image.layers[0].bytes;
        let head = format!("Content-Length: {}", blob.len());
        answer_bytes("200 OK", &[&head], &blob[..blob.len() / 2])
    };
    // Bound and let go: nobody listens there.
    let closed = FaultServer::plain(|_| Reply::Close).registry();
    vec![
        Fault::at("nobody listens", format!("{closed}/{PATH}:{TAG}"), Vec::new()),
        instead("closed without an answer", manifest(), || Reply::Close),
        instead("silence in place of the manifest", manifest(), || Reply::Hang),
        instead("closed in the middle of a layer", layer(), move || Reply::Send(cut())),
        instead("silence in the middle of a layer", layer(), move || Reply::SendAndHang(cut())),
        instead("reset in place of a layer", layer(), || Reply::Reset),
    ]
}

fn other_bytes() -> Vec<Fault> {
    let changed = |name, change: fn(&mut Vec<u8>)| {
        let mut bytes = image().layers[0].bytes.clone();
        change(&mut bytes);
        instead(name, layer(), move || answer("200 OK", &[], &bytes))
    };
    let config = image().config_path();
    let digest = image().digest();
    let by_digest = image().serve_with({
        let path = format!("manifests/{digest}");
        move |asked| (asked == path).then(|| answer("200 OK", &[], image().manifest_value().to_string() + " "))
    });
    let reference = format!("{}/{PATH}@{digest}", by_digest.registry());
    vec![
        changed("a layer with one other byte", |bytes| bytes[40] ^= 1),
        changed("a layer that is too short", |bytes| bytes.truncate(60)),
        changed("a layer that is too long", |bytes| bytes.push(0)),
        changed("an empty layer", Vec::clear),
        instead("a login page in place of a layer", layer(), || answer("200 OK", &[], "<html>log in</html>")),
        instead("another configuration", config, || answer("200 OK", &[], "{}")),
        Fault::at("another manifest than the digest names", reference, vec![by_digest]),
        instead("a manifest with another digest in the header", manifest(), move || {
            let header = format!("Docker-Content-Digest: sha256:{}", "0".repeat(64));
            answer("200 OK", &[&header], image().manifest())
        }),
    ]
}

fn redirects() -> Vec<Fault> {
    let storage = FaultServer::plain(|_| {
        let body = "<Error><Code>SignatureDoesNotMatch</Code></Error>";
        answer("403 Forbidden", &["Content-Type: application/xml"], body)
    });
    let elsewhere = storage.registry();
    let layer_path = layer();
    let signed = image().serve_with(move |asked| {
        let location = format!("Location: http://{elsewhere}/blob?X-Amz-Signature=s3cr3t-signature&x=1");
        (asked == layer_path).then(|| answer("307 Temporary Redirect", &[&location], ""))
    });
    let reference = format!("{}/{PATH}:{TAG}", signed.registry());
    vec![
        Fault::at("a storage that denies", reference, vec![signed, storage]),
        circles(),
        instead("a redirect to a file", layer(), || {
            answer("307 Temporary Redirect", &["Location: file:///etc/passwd"], "")
        }),
    ]
}

fn circles() -> Fault {
    let path = layer();
    let server = image().serve_with(move |asked| {
        asked.starts_with(&path).then(|| answer("307 Temporary Redirect", &["Location: ?again"], ""))
    });
    Fault::of("a redirect in circles", server)
}

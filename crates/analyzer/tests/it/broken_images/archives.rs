//! Layers whose compression or archive is broken, or made to do harm.

use super::Fault;
use super::manifests::mislabelled;
use crate::served_image::ServedImage;
use crate::tar_builder::{TarBuilder, gzip, header, noise, seal, zstd};

fn tar() -> TarBuilder {
    TarBuilder::new().file("etc/os-release", "ID=debian")
}

/// A layer of this archive, compressed to this.
fn layer(name: &'static str, archive: &[u8], blob: Vec<u8>) -> Fault {
    Fault::of(name, ServedImage::of_layers(&[(archive.to_vec(), blob)]).serve())
}

/// A layer of this archive, compressed well.
fn archive(name: &'static str, archive: Vec<u8>) -> Fault {
    Fault::of(name, ServedImage::of(&[archive]).serve())
}

pub fn faults() -> Vec<Fault> {
    let mut faults = compressions();
    faults.extend(archives());
    faults.extend(bombs());
    faults.extend(astray());
    faults
}

fn compressions() -> Vec<Fault> {
    let whole = TarBuilder::new().empty_files(40).finish();
    let cut = |blob: Vec<u8>| blob[..blob.len() / 2].to_vec();
    let damaged = {
        let mut blob = gzip(&whole);
        let checksum = blob.len() - 6;
        blob[checksum] ^= 0xff;
        blob
    };
    let garbage = [gzip(&whole), b"garbage".to_vec()].concat();
    let plain = mislabelled(&whole, whole[..1000].to_vec(), "application/vnd.oci.image.layer.v1.tar");
    vec![
        layer("gzip that is cut off", &whole, cut(gzip(&whole))),
        layer("gzip with a wrong checksum", &whole, damaged),
        layer("gzip with garbage behind it", &whole, garbage),
        layer("gzip in name only", &whole, b"\x1f\x8b\x08\x00 and then nothing of the kind".to_vec()),
        layer("zstd that is cut off", &whole, cut(zstd(&whole))),
        layer("zstd in name only", &whole, b"\x28\xb5\x2f\xfd and then nothing of the kind".to_vec()),
        layer("zstd that wants too much memory", &whole, b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00".to_vec()),
        layer("xz", &whole, b"\xfd7zXZ\0 and so on".to_vec()),
        layer("bzip2", &whole, b"BZh9 and so on".to_vec()),
        Fault::of("an uncompressed archive that is cut off", plain.serve()),
    ]
}

fn archives() -> Vec<Fault> {
    let mut checksum = tar().finish();
    checksum[512] ^= 1;
    let size = {
        let mut block = header("a", b'0', "", 0);
        block[124..136].fill(0xff);
        seal(block)
    };
    vec![
        archive("no archive at all", b"<html>This is not the layer that you are looking for.</html>".repeat(20)),
        archive("an archive with a damaged header", {
            checksum[600] = b'x';
            checksum[513] ^= 1;
            [TarBuilder::new().file("a", "b").unfinished(), b"x".repeat(512)].concat()
        }),
        archive("an archive that ends in an entry", tar().announced("usr/bin/large", b'0', 1 << 20).unfinished()),
        archive("an entry of a negative size", tar().raw(&size).finish()),
        archive("an extension that is none", tar().entry("pax", b'x', "", b"12345 path").finish()),
    ]
}

fn bombs() -> Vec<Fault> {
    let zeros = |mebibytes: usize| TarBuilder::new().file("usr/zeros", vec![0; mebibytes << 20]).finish();
    vec![
        archive("an archive that compresses too well", zeros(3)),
        layer("zstd that compresses too well", &zeros(3), zstd(&zeros(3))),
        archive("layers that unpack to too much", TarBuilder::new().file("usr/noise", noise(5 << 20)).finish()),
        archive("too many entries", TarBuilder::new().empty_files(301).finish()),
        archive("a path that is too long", tar().pax("path", &"long/".repeat(1000)).file("a", "").finish()),
        archive(
            "a name that is too long",
            tar().entry("././@LongLink", b'L', "", "long/".repeat(1000).as_bytes()).file("a", "").finish(),
        ),
        archive("an extension that is too large", tar().announced("pax", b'x', 1 << 32).finish()),
    ]
}

fn astray() -> Vec<Fault> {
    vec![
        archive("a path out of the root", tar().file("../../etc/shadow", "root::0:0").finish()),
        archive("a path out of the root by a detour", tar().file("usr/../../etc/passwd", "").finish()),
        archive("a hard link out of the root", tar().hard_link("var/lib/dpkg/status", "../../etc/shadow").finish()),
    ]
}

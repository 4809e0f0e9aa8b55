//! Images that can be read, and hold what cannot: they are analysed, and what is unknown is told.

use fixtures::FaultServer;

use super::Fault;
use super::manifests::mislabelled;
use crate::served_image::ServedImage;
use crate::tar_builder::{TarBuilder, noise, zstd};

const STATUS: &str = "var/lib/dpkg/status";
const DATABASE: &str = "Package: a\nStatus: install ok installed\nVersion: 1\n\n";

fn tar() -> TarBuilder {
    TarBuilder::new().file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
}

fn of(name: &'static str, archives: &[TarBuilder]) -> Fault {
    let archives: Vec<Vec<u8>> = archives.iter().map(|archive| archive.clone().finish()).collect();
    Fault::of(name, ServedImage::of(&archives).serve())
}

pub fn faults() -> Vec<Fault> {
    let mut faults = layers();
    faults.extend(os_releases());
    faults.extend(dpkg_and_apk());
    faults.extend(rpm());
    faults
}

fn layers() -> Vec<Fault> {
    let with_database = || tar().file(STATUS, DATABASE);
    let archive = with_database().finish();
    let zstd_layer: FaultServer =
        mislabelled(&archive, zstd(&archive), "application/vnd.docker.image.rootfs.diff.tar.gzip").serve();
    vec![
        of(
            "a database that a later layer takes away",
            &[with_database(), TarBuilder::new().file("var/lib/dpkg/.wh.status", "")],
        ),
        of("a database below an opaque folder", &[with_database(), TarBuilder::new().file("var/lib/.wh..wh..opq", "")]),
        of("a folder that a later layer replaces", &[with_database(), TarBuilder::new().symlink("var", "/usr")]),
        of(
            "absolute paths",
            &[TarBuilder::new().file("/etc/os-release", "ID=debian").file("/./var/lib/dpkg/status", DATABASE)],
        ),
        Fault::of("zstd that is labelled as gzip", zstd_layer),
    ]
}

fn os_releases() -> Vec<Fault> {
    let os = "usr/lib/os-release";
    vec![
        of(
            "os-release that leads in a circle",
            &[TarBuilder::new().symlink("etc/os-release", "../usr/lib/os-release").symlink(os, "/etc/os-release")],
        ),
        of(
            "os-release that leads astray",
            &[TarBuilder::new()
                .symlink("etc/os-release", "../../../../etc/shadow")
                .file("etc/shadow", "root::")
                .file(os, "ID=alpine")],
        ),
        of(
            "os-release by a hard link to something else",
            &[TarBuilder::new().file("etc/shadow", "ID=evil").hard_link("etc/os-release", "etc/shadow")],
        ),
        of(
            "os-release by a hard link to itself elsewhere",
            &[TarBuilder::new().file(os, "ID=alpine").hard_link("etc/os-release", os)],
        ),
        of(
            "os-release that is a device",
            &[TarBuilder::new().entry("etc/os-release", b'3', "", b"").file(os, "ID=alpine")],
        ),
        of("os-release that is too large", &[TarBuilder::new().file("etc/os-release", "#".repeat(70_000))]),
        of("os-release that names nothing", &[TarBuilder::new().file("etc/os-release", "<html>")]),
        of("os-release that is no text", &[TarBuilder::new().file("etc/os-release", [0xff; 64])]),
    ]
}

fn dpkg_and_apk() -> Vec<Fault> {
    let sparse = tar().pax("GNU.sparse.major", "1").pax("GNU.sparse.name", STATUS).file("x", DATABASE);
    vec![
        of(
            "a status without versions",
            &[tar().file(STATUS, format!("{DATABASE}Package: b\nStatus: install ok installed\n"))],
        ),
        of("a status that is no text", &[tar().file(STATUS, b"Package: a\nVersion: \0\0\0\n")]),
        of("a status with an endless line", &[tar().file(STATUS, noise(1_100_000))]),
        of("a status that is a folder", &[tar().folder(STATUS)]),
        of("a status that leads nowhere", &[tar().symlink(STATUS, "/nowhere")]),
        of("a status with holes", &[sparse]),
        of(
            "a broken file of a distroless image",
            &[tar().file("var/lib/dpkg/status.d/good", DATABASE).file("var/lib/dpkg/status.d/bad", "Package: bad\n")],
        ),
        of(
            "a broken apk database",
            &[tar().file("lib/apk/db/installed", "C:x\nP:musl\nV:1.2\nA:x86_64\n\nP:broken\n\n")],
        ),
    ]
}

fn rpm() -> Vec<Fault> {
    let at = |folder: &str, name: &str, content: &[u8]| tar().file(&format!("{folder}/{name}"), content);
    let berkeley = [vec![0; 12], 0x0006_1561_u32.to_le_bytes().to_vec(), vec![0; 100]].concat();
    vec![
        of(
            "rpm's SQLite database that is damaged",
            &[at(
                "usr/lib/sysimage/rpm",
                "rpmdb.sqlite",
                &[b"SQLite format 3\0\x10\0".as_slice(), &[0; 5000]].concat(),
            )],
        ),
        of("rpm's SQLite database that is none", &[at("var/lib/rpm", "rpmdb.sqlite", b"no database")]),
        of("rpm's Berkeley DB database", &[at("var/lib/rpm", "Packages", &berkeley)]),
        of("rpm's ndb database", &[at("usr/lib/sysimage/rpm", "Packages.db", b"RpmP and so on, as SUSE builds it")]),
        of("rpm's database that is none", &[at("var/lib/rpm", "Packages", b"nothing of the kind")]),
    ]
}

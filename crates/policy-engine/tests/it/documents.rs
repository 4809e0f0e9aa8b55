//! Documents of feeds in their real shape: small ones for rules, and large ones that are made while they are sent.

use std::fmt::Write;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::feed_server::Chunks;
use crate::zip::ZipStream;

/// Records of one source package in a large document.
const ISSUES_OF_PACKAGE: u64 = 50;
/// Advisories of one package in a large document.
const ADVISORIES_OF_PACKAGE: u64 = 10;

/// Alpine's document for v3.20/main, with one record per pair of a package and an advisory.
pub fn secdb(records: &[(&str, &str)]) -> String {
    let package = |(name, advisory): &(&str, &str)| secdb_package(name, &[(*advisory).to_owned()]);
    let packages: Vec<String> = records.iter().map(package).collect();
    format!("{}{}{}", SECDB_BEGIN, packages.join(","), SECDB_END)
}

const SECDB_BEGIN: &str = r#"{"apkurl": "{{urlprefix}}/{{distroversion}}/{{reponame}}/{{arch}}/{{pkg.name}}-{{pkg.ver}}.apk",
"archs": ["aarch64", "armv7", "x86_64"], "reponame": "main", "urlprefix": "https://dl-cdn.alpinelinux.org/alpine",
"distroversion": "v3.20", "packages": ["#;
const SECDB_END: &str = "]}";

fn secdb_package(name: &str, advisories: &[String]) -> String {
    let fixes: Vec<String> = advisories
        .iter()
        .enumerate()
        .map(|(number, advisory)| format!(r#""1.36.{number}-r16": ["{advisory}"]"#))
        .collect();
    format!(r#"{{"pkg": {{"name": "{name}", "secfixes": {{{}}}}}}}"#, fixes.join(", "))
}

/// Alpine's document with so many records, package by package.
pub fn large_secdb(records: u64) -> Chunks {
    let packages = (0..records.div_ceil(ADVISORIES_OF_PACKAGE)).map(move |package| {
        let first = package * ADVISORIES_OF_PACKAGE;
        let advisories: Vec<String> =
            (first..records.min(first + ADVISORIES_OF_PACKAGE)).map(|number| format!("CVE-2024-{number:06}")).collect();
        let comma = if package == 0 { "" } else { "," };
        format!("{comma}{}", secdb_package(&format!("package-{package}"), &advisories)).into_bytes()
    });
    Box::new(std::iter::once(SECDB_BEGIN.into()).chain(packages).chain(std::iter::once(SECDB_END.into())))
}

/// Debian's document, with one record per pair of a package and an issue, and the status that it has.
pub fn tracker(records: &[(&str, &str, &str)]) -> String {
    let mut document = String::from("{");
    for (index, (package, issue, status)) in records.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(document, r#"{comma}"{package}": {{"{issue}": {}}}"#, tracker_issue(status)).unwrap();
    }
    document + "}"
}

/// As long as one of the tracker: 65,000 of them have 60 to 70 MB.
fn tracker_issue(status: &str) -> String {
    let releases: Vec<String> = ["bookworm", "bullseye", "forky", "sid", "trixie"]
        .iter()
        .map(|release| {
            format!(
                r#""{release}": {{"status": "{status}", "repositories": {{"{release}": "1:2.3.4-5+deb12u1",
                   "{release}-security": "1:2.3.4-5+deb12u2"}}, "fixed_version": "1:2.3.4-5", "urgency": "not yet assigned"}}"#
            )
        })
        .collect();
    format!(
        r#"{{"description": "{}", "scope": "remote", "debianbug": 1053477, "releases": {{{}}}}}"#,
        "A flaw was found in the way the package handles input of a certain form. ".repeat(2),
        releases.join(", ")
    )
}

/// Debian's document with so many records, issue by issue.
pub fn large_tracker(records: u64) -> Chunks {
    let issues = (0..records).map(move |number| {
        let issue = format!(r#""CVE-2024-{number:06}": {}"#, tracker_issue("resolved"));
        let text = match number % ISSUES_OF_PACKAGE {
            0 if number == 0 => format!(r#""package-0": {{{issue}"#),
            0 => format!(r#"}}, "package-{}": {{{issue}"#, number / ISSUES_OF_PACKAGE),
            _ => format!(", {issue}"),
        };
        text.into_bytes()
    });
    Box::new(std::iter::once(b"{".to_vec()).chain(issues).chain(std::iter::once(b"}}".to_vec())))
}

/// A record of OSV.
pub fn osv_record(id: &str, modified: &str, summary: &str) -> String {
    format!(
        r#"{{"id": "{id}", "summary": "{summary}", "details": "{}", "aliases": ["CVE-2024-1"], "modified": "{modified}",
        "published": "2024-01-15T15:15:00Z", "references": [{{"type": "WEB", "url": "https://example.com/{id}"}}],
        "affected": [{{"package": {{"ecosystem": "npm", "name": "left-pad"}}, "ranges": [{{"type": "SEMVER",
        "events": [{{"introduced": "0"}}, {{"fixed": "1.3.1"}}]}}], "versions": ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]}}],
        "schema_version": "1.7.3"}}"#,
        "A longer text about what is wrong, and what to do about it. ".repeat(8)
    )
}

/// An archive of OSV with so many records.
pub fn large_osv(records: u64) -> Chunks {
    let entries = (0..records).map(|number| {
        let id = format!("GHSA-{number:06}");
        (format!("{id}.json"), osv_record(&id, "2024-08-15T00:05:00Z", "Prototype pollution").into_bytes())
    });
    Box::new(ZipStream::new(entries))
}

pub fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

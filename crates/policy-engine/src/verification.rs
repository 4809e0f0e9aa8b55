//! Digests that a server publishes beside a download.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cause::{Cause, CauseCode};
use http::HeaderMap;

use crate::spool::Spool;

/// What a header announces.
#[derive(Debug, PartialEq, Eq)]
struct Announced<'a> {
    header: &'static str,
    algorithm: &'static str,
    /// In base 64.
    digest: &'a str,
}

/// Holds a download against every digest of its answer that is understood here. Most servers send none.
///
/// # Errors
/// One of them is another.
pub(crate) fn verify(headers: &HeaderMap, spool: &Spool) -> Result<(), Cause> {
    for Announced { header, algorithm, digest } in announced(headers) {
        let actual: &[u8] = if algorithm == "md5" { &spool.md5 } else { &spool.sha256 };
        let actual = STANDARD.encode(actual);
        if actual != digest {
            let hint = "It was damaged on the way, or replaced while it was read: it is downloaded again in the next \
                        sync. If this comes back, a proxy in between alters it.";
            let summary = format!("the download does not have the {algorithm} digest that its server announced");
            return Err(Cause::new(CauseCode::Checksum, summary, hint)
                .with_evidence("header", header)
                .with_evidence("announced", digest)
                .with_evidence("received", actual));
        }
    }
    Ok(())
}

fn announced(headers: &HeaderMap) -> impl Iterator<Item = Announced<'_>> {
    const HEADERS: [(&str, &str, &str); 4] = [
        // Google Cloud Storage, where OSV lives: `crc32c=...,md5=...`.
        ("x-goog-hash", "md5", "md5="),
        // RFC 9530: `sha-256=:...:`.
        ("content-digest", "sha-256", "sha-256="),
        ("repr-digest", "sha-256", "sha-256="),
        // RFC 3230, which it replaced: `SHA-256=...`.
        ("digest", "sha-256", "sha-256="),
    ];
    HEADERS.into_iter().flat_map(move |(header, algorithm, prefix)| {
        let values = headers.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).filter_map(move |member| {
            let member = member.trim();
            let (name, digest) = member.split_at_checked(prefix.len())?;
            let digest = digest.trim_matches(':');
            name.eq_ignore_ascii_case(prefix).then_some(Announced { header, algorithm, digest })
        })
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::spool::SpoolWriter;

    /// Of "hello".
    const MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";
    const SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

    async fn check(headers: &[(&'static str, String)], expected: Option<&str>) {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = SpoolWriter::new(directory.path()).unwrap();
        writer.write(b"hello").await.unwrap();
        let spool = writer.finish().await.unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let cause = verify(&map, &spool).err();
        assert_eq!(cause.as_ref().map(|cause| cause.code().as_str()), expected, "{headers:?} {cause:?}");
    }

    #[tokio::test]
    async fn every_known_digest_counts() {
        check(&[], None).await;
        check(&[("x-goog-hash", "crc32c=AAAAAA==".into()), ("x-goog-hash", format!("md5={MD5}"))], None).await;
        check(&[("x-goog-hash", format!("crc32c=AAAAAA==,md5={SHA256}"))], Some("checksum")).await;
        check(&[("content-digest", format!("sha-256=:{SHA256}:"))], None).await;
        check(&[("content-digest", "sha-512=:AAAA:, sha-256=:AAAA:".into())], Some("checksum")).await;
        check(&[("repr-digest", format!("sha-256=:{MD5}:"))], Some("checksum")).await;
        check(&[("digest", format!("SHA-256={SHA256}"))], None).await;
        check(&[("digest", "SHA-256=AAAA".into())], Some("checksum")).await;
        check(&[("digest", "é".into()), ("digest", "x".into())], None).await;
    }
}

//! What a manifest may be, by its media type (OCI image specification; Docker image manifest, version 2 schema 2).

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The `Accept` header of a request for a manifest: without the types in it a registry would convert what it has, or
/// deny that it has anything.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
                                    application/vnd.oci.image.manifest.v1+json, \
                                    application/vnd.docker.distribution.manifest.list.v2+json, \
                                    application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const JSON: &str = "application/json";
pub(crate) const ANYTHING: &str = "*/*";

const DOCKER_SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
/// What a server says that does not know better.
const GENERIC: [&str; 4] = ["application/json", "application/octet-stream", "text/json", "text/plain"];

/// The kind of document behind a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DocumentKind {
    Image,
    Index,
    DockerSchema1,
    /// Nothing is said about the kind.
    Generic,
    Unknown,
}

/// The kind that `media_type` names, its parameters aside.
pub(crate) fn kind(media_type: &str) -> DocumentKind {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        OCI_MANIFEST | DOCKER_MANIFEST => DocumentKind::Image,
        OCI_INDEX | DOCKER_LIST => DocumentKind::Index,
        "" => DocumentKind::Generic,
        other if DOCKER_SCHEMA_1.contains(&other) => DocumentKind::DockerSchema1,
        other if GENERIC.contains(&other) => DocumentKind::Generic,
        _ => DocumentKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_do_not_matter() {
        let check = |media_type: &str, expected: DocumentKind| assert_eq!(kind(media_type), expected, "{media_type}");
        check(OCI_INDEX, DocumentKind::Index);
        check("Application/vnd.docker.distribution.manifest.v2+json; charset=utf-8", DocumentKind::Image);
        check("application/vnd.docker.distribution.manifest.v1+prettyjws", DocumentKind::DockerSchema1);
        check("application/json; charset=utf-8", DocumentKind::Generic);
        check("", DocumentKind::Generic);
        check("application/vnd.cncf.helm.chart.v1", DocumentKind::Unknown);
    }

    #[test]
    fn everything_that_is_understood_is_asked_for() {
        for known in [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST] {
            assert!(MANIFESTS.split(", ").any(|asked| asked == known), "{known}");
        }
    }
}

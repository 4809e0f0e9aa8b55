//! The name of an image, read as docker reads it: a repository, and which of its images.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, DigestError, RepositoryName, RepositoryNameError, TagName, TagNameError};

/// A repository with a tag, a digest, both or neither: `registry.example.com:5000/team/app:1.0@sha256:...`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    pub repository: RepositoryName,
    pub tag: Option<TagName>,
    pub digest: Option<Digest>,
}

/// A text that is no name of an image, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageReferenceError {
    #[error(transparent)]
    Repository(#[from] RepositoryNameError),
    #[error(transparent)]
    Tag(#[from] TagNameError),
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ManifestReference {
    Tag(TagName),
    Digest(Digest),
}

impl ImageReference {
    /// What is asked for: the digest, where there is one, else the tag.
    pub fn manifest(&self) -> Option<ManifestReference> {
        let tag = || self.tag.clone().map(ManifestReference::Tag);
        self.digest.clone().map(ManifestReference::Digest).or_else(tag)
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => (text, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon before the last slash is that of a port, or of a scheme, which the repository refuses.
        let (repository, tag) = match text.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.parse()?)),
            _ => (text, None),
        };
        Ok(Self { repository: repository.parse()?, tag, digest })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// As it stands in the address of a manifest.
impl fmt::Display for ManifestReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let reference = text.parse::<ImageReference>().map(|reference| reference.to_string());
        match expected {
            Ok(expected) => assert_eq!(reference.as_deref(), Ok(expected), "{text}"),
            Err(part) => {
                let error = reference.as_ref().unwrap_err().to_string();
                assert!(error.contains(part), "{text}: {error}");
            }
        }
    }

    #[test]
    fn an_image_is_a_repository_with_a_tag_or_a_digest() {
        let digest = Digest::sha256(b"").to_string();
        check("alpine", Ok("docker.io/library/alpine"));
        check("alpine:3.20", Ok("docker.io/library/alpine:3.20"));
        check("r.example:5000/a/b", Ok("r.example:5000/a/b"));
        check("r.example:5000/a/b:1", Ok("r.example:5000/a/b:1"));
        check(&format!("r.example/a@{digest}"), Ok(&format!("r.example/a@{digest}")));
        check(&format!("a/b:1@{digest}"), Ok(&format!("docker.io/a/b:1@{digest}")));
        check("a/b:", Err("`` is no tag"));
        check("a/b@sha256:0", Err("`sha256:0` is no digest"));
        check("https://r.example/a:1", Err("has a scheme"));
        check("a/B:1", Err("upper case"));
    }

    #[test]
    fn a_digest_says_more_than_a_tag() {
        let digest = Digest::sha256(b"");
        let reference: ImageReference = format!("a/b:1@{digest}").parse().unwrap();
        assert_eq!(reference.manifest(), Some(ManifestReference::Digest(digest)));
        let reference: ImageReference = "a/b".parse().unwrap();
        assert_eq!(reference.manifest(), None);
    }
}

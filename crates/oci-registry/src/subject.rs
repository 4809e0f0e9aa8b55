//! What a request to a repository is about: the words in which a refusal speaks of it.

use crate::{Digest, ManifestReference};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The list of its tags.
    Tags,
    Manifest(ManifestReference),
    /// A layer, or the configuration of an image.
    Blob(Digest),
}

impl Subject {
    /// As it stands after "which no ... is answered with".
    pub(crate) fn request(&self) -> &'static str {
        match self {
            Self::Tags => "listing of tags",
            Self::Manifest(_) => "request for a manifest",
            Self::Blob(_) => "request for a layer",
        }
    }

    /// What a registry that does not have it has not: "no manifest for the tag `1.0`". Nothing for a list of tags, which
    /// every repository has.
    pub(crate) fn missing(&self) -> Option<String> {
        match self {
            Self::Tags => None,
            Self::Manifest(ManifestReference::Tag(tag)) => Some(format!("no manifest for the tag `{tag}`")),
            Self::Manifest(ManifestReference::Digest(digest)) => Some(format!("no manifest `{digest}`")),
            Self::Blob(digest) => Some(format!("no blob `{digest}`")),
        }
    }
}

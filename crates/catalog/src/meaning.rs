//! What is known of a tag that was seen.

use oci_registry::Digest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was in a list, and has not been looked up yet.
    Unread,
    /// The manifest, or the index, that the registry has under it.
    Digest(Digest),
}

impl Meaning {
    pub(crate) fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Unread => None,
            Self::Digest(digest) => Some(digest),
        }
    }

    pub(crate) fn is_unread(&self) -> bool {
        *self == Self::Unread
    }
}

impl From<Option<Digest>> for Meaning {
    fn from(digest: Option<Digest>) -> Self {
        digest.map_or(Self::Unread, Self::Digest)
    }
}

//! What one tag means now: as few requests as tell it.

use oci_registry::{
    DOCKER_LIST, DOCKER_MANIFEST, Digest, FetchedManifest, IndexEntry, Manifest, ManifestReference, OCI_INDEX,
    OCI_MANIFEST, RegistryFailure, Session, TagName, fetch, head,
};

/// What a tag was found to mean.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// What it meant before.
    Same,
    /// Its digest, where no more was asked for.
    Digest(Digest),
    /// Something new.
    Manifest(NewManifest),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewManifest {
    pub(crate) digest: Digest,
    /// As the registry names it; `None` where that says nothing.
    pub(crate) media_type: Option<&'static str>,
    pub(crate) kind: ContentKind,
}

/// What is kept under a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentKind {
    Image,
    /// Images for several platforms.
    Index,
    /// A signature, a chart or the like: nothing that can be analysed.
    Artifact,
}

/// Why it is not known what a tag means.
#[derive(Debug)]
pub(crate) struct LookupFailure {
    pub(crate) failure: RegistryFailure,
    /// What the registry announced before.
    pub(crate) digest: Option<Digest>,
}

/// Asks for the digest by HEAD, and for the manifest only where the digest is new. `known` is what the tag meant before;
/// `wants_manifest`: whether a new digest alone is not enough.
pub(crate) async fn look_up(
    session: &mut Session,
    tag: &TagName,
    known: Option<&Digest>,
    wants_manifest: bool,
) -> Result<Found, LookupFailure> {
    let reference = ManifestReference::Tag(tag.clone());
    let headed = head(session, &reference).await.map_err(|failure| LookupFailure { failure, digest: None })?;
    let announced = headed.and_then(|head| head.digest);
    if announced.is_some() && announced.as_ref() == known {
        return Ok(Found::Same);
    }
    if let Some(digest) = &announced
        && !wants_manifest
    {
        return Ok(Found::Digest(digest.clone()));
    }
    // By its digest, where that is known: what is fetched is what was announced, whatever the tag means meanwhile.
    let reference = announced.clone().map_or(reference, ManifestReference::Digest);
    let fetched = fetch(session, &reference).await;
    let fetched = fetched.map_err(|failure| LookupFailure { failure, digest: announced })?;
    Ok(match known {
        Some(known) if *known == fetched.digest => Found::Same,
        _ if wants_manifest => Found::Manifest(fetched.into()),
        _ => Found::Digest(fetched.digest),
    })
}

impl LookupFailure {
    /// Whether it is the manifest of this tag that is at fault, and not the registry or the way to it.
    pub(crate) fn is_about_the_tag(&self) -> bool {
        use cause::CauseCode::{Checksum, NotFound, Parse, TooLarge, Unsupported};
        match self.failure.http_status {
            Some(200) => matches!(self.failure.cause.code(), Parse | Checksum | TooLarge | Unsupported),
            Some(404) => self.failure.cause.code() == NotFound,
            _ => false,
        }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.failure.cause.code() == cause::CauseCode::NotFound
    }
}

impl From<FetchedManifest> for NewManifest {
    fn from(fetched: FetchedManifest) -> Self {
        let kind = match fetched.manifest {
            Manifest::Index(index) if index.entries.iter().any(IndexEntry::may_be_image) => ContentKind::Index,
            Manifest::Image(image) if image.is_image() => ContentKind::Image,
            Manifest::Index(_) | Manifest::Image(_) => ContentKind::Artifact,
        };
        // A header is a peer's own words; only those that are known may enter an event.
        let known = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];
        let media_type =
            fetched.media_type.as_deref().and_then(|named| known.into_iter().find(|known| *known == named));
        Self { digest: fetched.digest, media_type, kind }
    }
}

impl ContentKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Index => "index",
            Self::Artifact => "artifact",
        }
    }

    /// Whether the analyzer can do something with it.
    pub(crate) const fn is_analysable(self) -> bool {
        !matches!(self, Self::Artifact)
    }
}

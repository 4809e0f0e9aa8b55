//! What a registry has under a tag or a digest: HEAD for the digest alone, GET for the manifest.

use cause::{Cause, CauseCode};
use http::Method;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use outbound::Url;

use crate::manifest::ManifestProblem;
use crate::media_type::MANIFESTS;
use crate::refusal::{REFUSAL_BYTES_MAX, RegistryFailure};
use crate::session::Session;
use crate::{Digest, Manifest, ManifestReference, Subject};

/// Largest manifest, in bytes: the least that a registry must take (distribution specification), and what they do take.
pub const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The header in which a registry says what it has.
const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";

/// What a registry says about a manifest without sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHead {
    /// Not verified: there are no bytes yet. `None` where the registry does not say it; then only the manifest itself
    /// tells.
    pub digest: Option<Digest>,
    pub media_type: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
}

/// A manifest whose bytes have the digest they were asked for by, or are announced with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedManifest {
    pub digest: Digest,
    /// As the registry names it.
    pub media_type: Option<String>,
    pub bytes: Vec<u8>,
    pub manifest: Manifest,
}

/// Asks what `reference` means now. `None`: the registry answers no HEAD, so the manifest has to be fetched. A failure is
/// free of secrets.
pub async fn head(
    session: &mut Session,
    reference: &ManifestReference,
) -> Result<Option<ManifestHead>, RegistryFailure> {
    let headed = ask_head(session, reference).await;
    headed.map_err(|failure| session.without_secrets(failure))
}

/// Fetches the manifest that `reference` means now, and reads it. A failure is free of secrets.
pub async fn fetch(session: &mut Session, reference: &ManifestReference) -> Result<FetchedManifest, RegistryFailure> {
    let fetched = ask_get(session, reference).await;
    fetched.map_err(|failure| session.without_secrets(failure))
}

async fn ask_head(
    session: &mut Session,
    reference: &ManifestReference,
) -> Result<Option<ManifestHead>, RegistryFailure> {
    if !session.registry.answers_head() {
        return Ok(None);
    }
    let url = session.url(&format!("manifests/{reference}"))?;
    let asked = session.ask(Method::HEAD, &url, MANIFESTS, &Subject::Manifest(reference.clone())).await;
    let answer = match asked {
        Ok(answer) => answer,
        // 405 and 501: the registry, or a proxy before it, knows GET only. It is not asked again in vain.
        Err(failure) if matches!(failure.http_status, Some(405 | 501)) => {
            session.registry.note_no_head();
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    let digest = match answer.header(DOCKER_CONTENT_DIGEST) {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| RegistryFailure::behind_answer(no_digest(session, &url, text)))?),
    };
    Ok(Some(ManifestHead {
        digest,
        media_type: answer.header(CONTENT_TYPE.as_str()).map(str::to_owned),
        size: answer.header(CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok()),
    }))
}

async fn ask_get(session: &mut Session, reference: &ManifestReference) -> Result<FetchedManifest, RegistryFailure> {
    let url = session.url(&format!("manifests/{reference}"))?;
    let answer = session.ask(Method::GET, &url, MANIFESTS, &Subject::Manifest(reference.clone())).await?;
    let media_type = answer.header(CONTENT_TYPE.as_str()).map(str::to_owned);
    let announced = answer.header(DOCKER_CONTENT_DIGEST).map(str::to_owned);
    let from = answer.url().clone();
    let bytes = answer.body(MANIFEST_BYTES_MAX).await.map_err(RegistryFailure::behind_answer)?;
    let page = Page { session, from: &from, media_type: media_type.as_deref(), bytes: &bytes };
    // What is no manifest has no digest worth comparing: schema 1 is signed, and its digest is not that of its bytes.
    let manifest = Manifest::parse(media_type.as_deref(), &bytes)
        .map_err(|problem| RegistryFailure::behind_answer(page.no_manifest(&problem)))?;
    let digest = match (reference, announced) {
        (ManifestReference::Digest(asked), _) => asked.clone(),
        (ManifestReference::Tag(_), None) => Digest::sha256(&bytes),
        (ManifestReference::Tag(_), Some(text)) => {
            text.parse().map_err(|_| RegistryFailure::behind_answer(no_digest(page.session, &from, &text)))?
        }
    };
    let actual = digest.same_of(&bytes);
    if actual != digest {
        return Err(RegistryFailure::behind_answer(page.other_digest(&digest, &actual)));
    }
    Ok(FetchedManifest { digest, media_type, bytes, manifest })
}

/// An answer that is 200 and should be a manifest.
struct Page<'a> {
    session: &'a Session,
    from: &'a Url,
    media_type: Option<&'a str>,
    bytes: &'a [u8],
}

impl Page<'_> {
    fn no_manifest(&self, problem: &ManifestProblem) -> Cause {
        let summary = format!("`{}` answered with {}", self.session.registry.name, problem.what);
        let beginning = &self.bytes[..self.bytes.len().min(REFUSAL_BYTES_MAX)];
        Cause::new(problem.code, summary, problem.hint)
            .with_evidence("url", self.from.as_str())
            .with_evidence("content_type", self.media_type)
            .with_evidence("body", String::from_utf8_lossy(beginning))
    }

    fn other_digest(&self, expected: &Digest, actual: &Digest) -> Cause {
        let summary = format!("the manifest that `{}` sent is not the one it announced", self.session.registry.name);
        let hint = "It was damaged or changed on its way or at the registry: check a proxy or cache before it, and push \
                    the image again if this lasts.";
        Cause::new(CauseCode::Checksum, summary, hint)
            .with_evidence("url", self.from.as_str())
            .with_evidence("expected_digest", expected.as_str())
            .with_evidence("actual_digest", actual.as_str())
            .with_evidence("bytes", self.bytes.len())
    }
}

fn no_digest(session: &Session, url: &Url, text: &str) -> Cause {
    let summary = format!("`{}` announces a manifest with a digest that is none", session.registry.name);
    let hint =
        "The registry, or a proxy before it, makes a wrong `Docker-Content-Digest` header: correct or update it.";
    Cause::new(CauseCode::Parse, summary, hint)
        .with_evidence("url", url.as_str())
        .with_evidence("docker_content_digest", text)
}

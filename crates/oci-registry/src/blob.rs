//! The bytes behind a digest: layers and configurations.

use http::Method;
use outbound::Answer;

use crate::media_type::ANYTHING;
use crate::refusal::RegistryFailure;
use crate::session::Session;
use crate::{Digest, Subject};

/// Asks for a blob and returns when it begins to arrive, perhaps from another host: registries redirect to where they
/// keep them. The caller bounds its size and compares its digest. A failure is free of secrets.
pub async fn open_blob(session: &mut Session, digest: &Digest) -> Result<Answer, RegistryFailure> {
    let opened = match session.url(&format!("blobs/{digest}")) {
        Ok(url) => session.ask(Method::GET, &url, ANYTHING, &Subject::Blob(digest.clone())).await,
        Err(cause) => Err(cause.into()),
    };
    opened.map_err(|failure| session.without_secrets(failure))
}

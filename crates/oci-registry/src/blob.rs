//! The bytes behind a digest: layers and configurations.

use bytes::Bytes;
use cause::{Cause, CauseCode};
use http::Method;
use outbound::Answer;

use crate::digest::Hashing;
use crate::media_type::ANYTHING;
use crate::refusal::RegistryFailure;
use crate::session::Session;
use crate::{Descriptor, Digest, Subject};

/// A blob that is arriving, piece by piece. Its end is reached only when all of it is what was announced: a failure is
/// free of secrets.
pub struct Blob {
    answer: Answer,
    expected: Descriptor,
    hashing: Hashing,
    bytes: u64,
    has_ended: bool,
    session: Session,
}

/// Asks for a blob and returns when it begins to arrive, perhaps from another host: registries redirect to where they
/// keep them. A failure is free of secrets.
pub async fn open_blob(session: &mut Session, expected: &Descriptor) -> Result<Blob, RegistryFailure> {
    let opened = match session.url(&format!("blobs/{}", expected.digest)) {
        Ok(url) => session.ask(Method::GET, &url, ANYTHING, &Subject::Blob(expected.digest.clone())).await,
        Err(cause) => Err(cause.into()),
    };
    let answer = opened.map_err(|failure| session.without_secrets(failure))?;
    let hashing = expected.digest.hashing();
    Ok(Blob { answer, expected: expected.clone(), hashing, bytes: 0, has_ended: false, session: session.clone() })
}

impl Blob {
    /// The next piece; `None` at the end, when size and digest were right. After an error there is nothing more.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Cause> {
        let chunk = self.next().await;
        chunk.map_err(|cause| cause.without(self.session.secrets()))
    }

    /// All of it.
    ///
    /// # Errors
    /// It is announced with more than `bytes_max`, or does not arrive as announced.
    pub async fn whole(mut self, bytes_max: u64) -> Result<Vec<u8>, Cause> {
        let announced = self.expected.size;
        if announced > bytes_max {
            let summary = format!("`{}` has {announced} bytes, expected at most {bytes_max}", self.expected.digest);
            let hint = "Nothing of this kind is that large: build the image anew, or find out who pushed it.";
            return Err(Cause::new(CauseCode::TooLarge, summary, hint));
        }
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Cause> {
        if self.has_ended {
            return Ok(None);
        }
        let Some(chunk) = self.answer.chunk().await? else {
            self.has_ended = true;
            let digest = std::mem::replace(&mut self.hashing, Hashing::sha256()).finish();
            let is_right = self.bytes == self.expected.size && digest == self.expected.digest;
            return if is_right { Ok(None) } else { Err(self.other(Some(&digest))) };
        };
        self.bytes += chunk.len() as u64;
        if self.bytes > self.expected.size {
            return Err(self.other(None));
        }
        self.hashing.update(&chunk);
        Ok(Some(chunk))
    }

    fn other(&self, actual: Option<&Digest>) -> Cause {
        let registry = &self.session.registry.name;
        let Descriptor { digest, size, .. } = &self.expected;
        let what = match actual {
            None => format!("more than the {size} bytes that are announced"),
            Some(_) if self.bytes < *size => format!("{} of the {size} bytes that are announced", self.bytes),
            Some(_) => "other bytes than those that are announced".to_owned(),
        };
        let hint = "It was damaged on its way or at the registry: check a proxy or cache before it and the disk of the \
                    registry, and push the image again if this lasts.";
        Cause::new(CauseCode::Checksum, format!("`{registry}` sent {what} for `{digest}`"), hint)
            .with_evidence("url", self.answer.url().as_str())
            .with_evidence("expected_digest", digest.as_str())
            .with_evidence("actual_digest", actual.map(Digest::as_str))
            .with_evidence("expected_bytes", *size)
            .with_evidence("bytes", self.bytes)
    }
}

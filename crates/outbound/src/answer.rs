//! What a peer answered.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cause::{Cause, CauseCode};
use http::{HeaderMap, StatusCode};
use reqwest::{Response, Url};

use crate::pace::Pace;
use crate::transport::Transport;

/// The head of an answer, and its body piece by piece.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    transport: Arc<Transport>,
    asked_at: Instant,
    /// Where there is a least one.
    pace: Option<Pace>,
}

impl Answer {
    pub(crate) fn new(response: Response, transport: Arc<Transport>, asked_at: Instant) -> Self {
        let pace = transport.config.rate_min.map(|least| Pace::new(least, Instant::now()));
        Self { response, transport, asked_at, pace }
    }

    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The text of the first header `name`; `None` also where it is no visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// Where the answer came from, which is elsewhere than asked after a redirect.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// How long the body is, where the peer announces it.
    pub fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece of the body; `None` at its end. The caller bounds the whole.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Cause> {
        let chunk = self.response.chunk().await;
        let chunk = chunk.map_err(|error| self.transport.cause(error, self.response.url(), self.asked_at.elapsed()))?;
        if let (Some(chunk), Some(pace)) = (&chunk, &mut self.pace)
            && let Err(rate) = pace.took(chunk.len(), Instant::now())
        {
            return Err(self.transport.too_slow(rate, self.response.url()));
        }
        Ok(chunk)
    }

    /// The whole body.
    ///
    /// # Errors
    /// The body is larger than `bytes_max`, or does not arrive.
    pub async fn body(mut self, bytes_max: usize) -> Result<Vec<u8>, Cause> {
        let announced = self.response.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|announced| announced > bytes_max) {
            return Err(self.too_large(bytes_max, announced));
        }
        let mut body = Vec::with_capacity(announced.unwrap_or(0));
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > bytes_max {
                return Err(self.too_large(bytes_max, announced));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The beginning of the body, for evidence beside a status that says enough: what goes wrong while it is read does
    /// not matter.
    pub async fn first_bytes(mut self, bytes_max: usize) -> Vec<u8> {
        let mut body = Vec::new();
        while body.len() < bytes_max
            && let Ok(Some(chunk)) = self.response.chunk().await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(bytes_max - body.len())]);
        }
        body
    }

    fn too_large(&self, bytes_max: usize, announced: Option<usize>) -> Cause {
        let summary = format!("the answer is larger than {bytes_max} bytes, which is the most that is read here");
        let hint = "Check that the address is the right one; an answer of this kind is never that large.";
        Cause::new(CauseCode::TooLarge, summary, hint)
            .with_evidence("url", self.url().as_str())
            .with_evidence("http_status", self.status().as_u16())
            .with_evidence("bytes_max", bytes_max)
            .with_evidence("bytes_announced", announced)
    }
}

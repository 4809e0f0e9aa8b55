//! An answer that is written while it is read, in bounded memory.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, header};

use crate::refusal::Refusal;

/// Bytes that are held back: what goes wrong before they are full becomes a refusal, and an answer that fits is sent
/// with its length. Afterwards only breaking the answer off tells that something went wrong.
const HELD_BACK_BYTES: usize = 1024 * 1024;

/// The JSON that `pieces` make up.
pub async fn long_answer(pieces: impl Stream<Item = Result<Bytes, Refusal>> + Send + 'static) -> Response {
    let mut pieces = Box::pin(pieces);
    let mut held = Vec::new();
    let body = loop {
        match pieces.next().await {
            Some(Ok(piece)) => held.extend_from_slice(&piece),
            Some(Err(refusal)) => return refusal.into_response(),
            None => break Body::from(held),
        }
        if held.len() >= HELD_BACK_BYTES {
            let rest = pieces.map(|piece| piece.map_err(|refusal| broken_off(&refusal)));
            let held = futures::stream::once(async move { Ok(Bytes::from(held)) });
            break Body::from_stream(held.chain(rest));
        }
    };
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], body).into_response()
}

fn broken_off(refusal: &Refusal) -> io::Error {
    tracing::warn!(?refusal, "broke an answer off");
    io::Error::other("the answer was broken off")
}

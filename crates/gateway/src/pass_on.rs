//! Passing one call on to the peer that answers it.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use tonic::{Code, Status};
use tower::ServiceExt;
use tracing::debug;

use crate::Peer;

/// Whether the request is a gRPC call: its content type decides (gRPC over HTTP/2, "Requests").
pub fn is_grpc(request: &Request) -> bool {
    let content_type = request.headers().get(http::header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The full name of the service that a call is for: `/events.v1.EventService/ListEvents`.
pub fn called_service(request: &Request) -> &str {
    request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Passes the call on and the answer back, bodies and trailers as they come: nothing is held, so a stream flows at the
/// pace of its slower end, and a caller that goes away ends the call at the peer.
pub async fn pass_on(peer: &Peer, request: Request) -> Response {
    let request = request.map(tonic::body::Body::new);
    match peer.channel().oneshot(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => {
            debug!(peer = peer.service, %error, "could not pass on a call");
            peer.unreachable(&error).into_http()
        }
    }
}

/// The answer to a call that no peer answers.
pub fn unknown(service: &str, peers: &[Peer]) -> Response {
    let known: Vec<&str> = peers.iter().flat_map(|peer| peer.answers.iter().copied()).collect();
    let message = format!("no service `{service}` here, expected one of {}", known.join(", "));
    Status::new(Code::Unimplemented, message).into_http()
}

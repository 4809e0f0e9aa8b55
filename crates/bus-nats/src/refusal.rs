//! What an error of JetStream means: wait, or somebody must act.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::RequestErrorKind;
use bus::BusError;

use crate::link::Link;

/// Errors that pass although the server answers with a client error: a cluster that is short of servers.
const PASSING: [ErrorCode; 6] = [
    ErrorCode::CLUSTER_NO_PEERS,
    ErrorCode::CLUSTER_NOT_AVAILABLE,
    ErrorCode::CLUSTER_INCOMPLETE,
    ErrorCode::CLUSTER_NOT_LEADER,
    ErrorCode::STREAM_NOT_FOUND,
    ErrorCode::STREAM_NAME_EXIST,
];
/// Errors that do not, although it answers with a server error.
const LASTING: [ErrorCode; 4] = [
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED,
    ErrorCode::STREAM_INVALID_CONFIG,
    ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT,
];

/// The error of a request that creates or changes `what`.
pub(crate) fn refusal(link: &Link, what: &str, error: &async_nats::jetstream::Error) -> BusError {
    let code = error.error_code();
    let text = error.to_string();
    // JetStream gives a change that it does not allow the code of any failure, so its words must tell.
    let not_allowed = text.contains("can not be updated") || text.contains("can not change");
    let lasting = LASTING.contains(&code) || not_allowed || (error.code() < 500 && !PASSING.contains(&code));
    if lasting {
        BusError::Misconfigured(link.describe(&format!("{what}: {text}")))
    } else {
        link.unavailable(&format!("{what}: {text}"))
    }
}

/// A request that JetStream did not answer.
pub(crate) fn unanswered(link: &Link, what: &str, kind: RequestErrorKind) -> BusError {
    let reason = match kind {
        RequestErrorKind::NoResponders => "JetStream does not answer; is the server started with it?",
        RequestErrorKind::TimedOut => "no answer in time",
        _ => "the request cannot be sent",
    };
    link.unavailable(&format!("{what}: {reason}"))
}

//! Why a request is not answered as it wished, in the contract's forms (3.1, 3.6); and the one table from gRPC to HTTP.

use std::error::Error;

use axum::response::{IntoResponse, Response};
use event::Violations;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::ascii_json::AsciiJson;
use crate::wire::WireError;

/// The challenge of a 401, to the letter (contract 3.1).
const CHALLENGE: HeaderValue = HeaderValue::from_static("basic realm=\"Authentication required\"");

#[derive(Debug)]
pub enum Refusal {
    /// No credentials, or wrong ones.
    Unauthorized,
    /// The contract's error object.
    Object { status: StatusCode, message: String, detail: Vec<(&'static str, Value)>, retry_after_s: Option<u64> },
    /// Its other object, for parameters that have not the form of the interface.
    Problem { detail: String },
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::Object { status, message: message.into(), detail: Vec::new(), retry_after_s: None }
    }

    /// A body that is refused by its fields; `index` tells which of several events it is.
    pub fn fields(index: Option<usize>, Violations(violations): &Violations) -> Self {
        let place = index.map_or(String::new(), |index| format!("event {index}: "));
        let fields: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let violations = violations.iter().map(|violation| match index {
            Some(index) => json!({ "event": index, "field": violation.field, "problem": violation.problem }),
            None => json!({ "field": violation.field, "problem": violation.problem }),
        });
        Self::Object {
            status: StatusCode::BAD_REQUEST,
            message: format!("{place}{}", fields.join("; ")),
            detail: vec![("violations", violations.collect())],
            retry_after_s: None,
        }
    }
}

/// The one table from gRPC to HTTP.
///
/// A database or a service that is away is a 500 (contract 3.6), not a 503: old clients exit 2, "the server is in
/// trouble", for 500 alone, and 1, "the request was wrong", for every other status.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::AlreadyExists
        | Code::Aborted
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Unavailable
        | Code::Unimplemented
        | Code::Unknown
        | Code::Internal
        | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        if status.code() == Code::Unauthenticated {
            return Self::Unauthorized;
        }
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
        Self::Object {
            status: http_status(status.code()),
            message: broken_connection(&status).unwrap_or_else(|| status.message().to_owned()),
            detail: Vec::new(),
            retry_after_s: retry.map(|delay| delay.as_secs_f64().ceil().max(1.0)).map(whole_seconds),
        }
    }
}

/// What to say of a status that was made on this side, because the store could not be reached: its innermost reason.
fn broken_connection(status: &Status) -> Option<String> {
    let mut reason = status.source()?;
    while let Some(source) = reason.source() {
        reason = source;
    }
    Some(format!("the events-store cannot be reached: {reason}"))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive whole number of seconds")]
fn whole_seconds(seconds: f64) -> u64 {
    seconds as u64
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Form(detail) => Self::Problem { detail },
            WireError::Value(message) => Self::new(StatusCode::BAD_REQUEST, message),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, CHALLENGE)], "Unauthorized").into_response()
            }
            Self::Object { status, message, detail, retry_after_s } => {
                let body = ErrorObject {
                    message,
                    httpcode: status.as_u16(),
                    detail: Detail { error_codes: [], more: detail.into_iter().collect() },
                };
                let mut response = (status, AsciiJson(body)).into_response();
                if let Some(seconds) = retry_after_s {
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                response
            }
            Self::Problem { detail } => {
                let body = Problem { detail, status: 400, title: "Bad Request", r#type: "about:blank" };
                let kind = HeaderValue::from_static("application/problem+json");
                (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, kind)], AsciiJson(body)).into_response()
            }
        }
    }
}

/// Keys in the contract's order.
#[derive(serde::Serialize)]
struct ErrorObject {
    message: String,
    httpcode: u16,
    detail: Detail,
}

#[derive(serde::Serialize)]
struct Detail {
    /// No code of the contract's time has a meaning here.
    error_codes: [&'static str; 0],
    #[serde(flatten)]
    more: std::collections::BTreeMap<&'static str, Value>,
}

#[derive(serde::Serialize)]
struct Problem {
    detail: String,
    status: u16,
    title: &'static str,
    r#type: &'static str,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;
    use tonic_types::ErrorDetails;

    use super::*;

    async fn check(refusal: impl Into<Refusal>, code: u16, headers: &[(&str, &str)], expected: &str) {
        let response = refusal.into().into_response();
        assert_eq!(response.status().as_u16(), code);
        for (name, value) in headers {
            assert_eq!(response.headers()[*name], *value);
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    #[tokio::test]
    async fn refusals_have_the_contracts_forms() {
        let object = r#"{"message":"Event not found","httpcode":404,"detail":{"error_codes":[]}}"#;
        check(Status::not_found("Event not found"), 404, &[("content-type", "application/json")], object).await;
        let challenge = r#"basic realm="Authentication required""#;
        let headers = [("www-authenticate", challenge), ("content-type", "text/plain; charset=utf-8")];
        check(Status::unauthenticated("no credentials"), 401, &headers, "Unauthorized").await;
        let problem = r#"{"detail":"d","status":400,"title":"Bad Request","type":"about:blank"}"#;
        check(WireError::Form("d".into()), 400, &[("content-type", "application/problem+json")], problem).await;
        let object = r#"{"message":"m","httpcode":400,"detail":{"error_codes":[]}}"#;
        check(WireError::Value("m".into()), 400, &[], object).await;
    }

    #[tokio::test]
    async fn what_passes_says_when_to_ask_again() {
        let away = |code| {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1500)));
            Status::with_error_details(code, "away", details)
        };
        let retry = [("retry-after", "2")];
        let object = r#"{"message":"away","httpcode":500,"detail":{"error_codes":[]}}"#;
        check(away(Code::Unavailable), 500, &retry, object).await;
        let object = r#"{"message":"away","httpcode":429,"detail":{"error_codes":[]}}"#;
        check(away(Code::ResourceExhausted), 429, &retry, object).await;
    }
}

//! The gRPC statuses that every service answers in the same words.

use std::fmt::Display;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// When to ask again while something that is waited for is away.
pub const RETRY_DELAY: Duration = Duration::from_secs(2);

/// `INVALID_ARGUMENT`: the `problem` with one `field` of a request, and what would be right.
pub fn bad_field(field: &str, problem: impl Display) -> Status {
    let problem = problem.to_string();
    let details = ErrorDetails::with_bad_request_violation(field, &problem);
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {problem}"), details)
}

/// `UNAVAILABLE`, for a `reason` that passes, with [`RETRY_DELAY`].
pub fn unavailable(reason: impl Into<String>) -> Status {
    Status::with_error_details(Code::Unavailable, reason, ErrorDetails::with_retry_info(Some(RETRY_DELAY)))
}

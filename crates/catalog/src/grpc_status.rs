//! The one place where errors become a gRPC status.

use std::time::Duration;

use database::DatabaseError;
use event::Violation;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::WatchKey;
use crate::gate::Gate;
use crate::tables::Tables;

/// When to ask again while the database is away.
const RETRY_DELAY: Duration = Duration::from_secs(2);

pub(crate) fn bad_field(field: &str, problem: impl std::fmt::Display) -> Status {
    let violation = Violation::new(field, problem);
    let details = ErrorDetails::with_bad_request(vec![FieldViolation::new(&violation.field, &violation.problem)]);
    Status::with_error_details(Code::InvalidArgument, format!("{}: {}", violation.field, violation.problem), details)
}

pub(crate) fn not_watched(key: &WatchKey) -> Status {
    let problem = format!("`{key}` is not watched for the account `{}`", key.account);
    let details = ErrorDetails::with_resource_info("repository", key.to_string(), "", problem.clone());
    Status::with_error_details(Code::NotFound, problem, details)
}

pub(crate) fn watched_already(key: &WatchKey) -> Status {
    Status::already_exists(format!("`{key}` is watched for the account `{}` already", key.account))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
pub(crate) fn database_status(error: DatabaseError) -> Status {
    if error.is_transient() {
        return unavailable(error.chain());
    }
    tracing::error!(error = error.chain(), "the database refused a statement");
    Status::internal("the database refused a statement; the log of the catalog tells more")
}

/// # Errors
/// UNAVAILABLE, with what the catalog is waiting for, before the tables exist.
pub(crate) fn tables(gate: &Gate) -> Result<&Tables, Status> {
    gate.tables().ok_or_else(|| unavailable(format!("the catalog is not ready: {}", gate.reasons())))
}

fn unavailable(reason: String) -> Status {
    Status::with_error_details(Code::Unavailable, reason, ErrorDetails::with_retry_info(Some(RETRY_DELAY)))
}

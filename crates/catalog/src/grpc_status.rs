//! The one place where errors become a gRPC status.

use database::DatabaseError;
use service::grpc_status::unavailable;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::WatchKey;
use crate::gate::Gate;
use crate::tables::Tables;

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

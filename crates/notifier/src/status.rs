//! The one place where errors become a gRPC status.

use database::DatabaseError;
use event::Violations;
use service::grpc_status::unavailable;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

pub fn bad_fields(violations: &Violations) -> Status {
    let fields = violations.0.iter().map(|violation| FieldViolation::new(&violation.field, &violation.problem));
    let details = ErrorDetails::with_bad_request(fields.collect::<Vec<_>>());
    Status::with_error_details(Code::InvalidArgument, violations.to_string(), details)
}

pub fn no_such(what: &str, name: &str) -> Status {
    let name: String = name.chars().take(64).collect();
    let text = format!("no {what} `{name}` that this account may see");
    Status::with_error_details(Code::NotFound, text.clone(), ErrorDetails::with_resource_info(what, name, "", text))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
pub fn database_status(error: DatabaseError) -> Status {
    if error.is_transient() {
        return unavailable(error.chain());
    }
    tracing::error!(error = error.chain(), "the database refused a statement");
    Status::internal("the database refused a statement; the log of the notifier tells more")
}

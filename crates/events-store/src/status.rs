//! The one place where errors become a gRPC status.

use bus::BusError;
use database::DatabaseError;
use event::Violations;
use service::grpc_status::{RETRY_DELAY, unavailable};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

pub fn bad_fields(violations: &Violations) -> Status {
    Status::with_error_details(Code::InvalidArgument, violations.to_string(), bad_request(violations))
}

/// The violations as `google.rpc.BadRequest`.
pub fn bad_request(Violations(violations): &Violations) -> ErrorDetails {
    let fields = violations.iter().map(|violation| FieldViolation::new(&violation.field, &violation.problem));
    ErrorDetails::with_bad_request(fields.collect::<Vec<_>>())
}

/// The contract's words (3.6), and which ID; an ID of another form or account is not there either (3.4).
pub fn no_such_event(id: &str) -> Status {
    let id: String = id.chars().take(64).collect();
    Status::with_error_details(
        Code::NotFound,
        "Event not found",
        ErrorDetails::with_resource_info("event", id, "", "no event with this ID in the account"),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
pub fn database_status(error: DatabaseError) -> Status {
    if error.is_transient() {
        return unavailable(error.chain());
    }
    tracing::error!(error = error.chain(), "the database refused a statement");
    Status::internal("the database refused a statement; the log of the events-store tells more")
}

pub fn bus_status(error: &BusError) -> Status {
    match error {
        BusError::Unavailable(_) | BusError::Misconfigured(_) => unavailable(error.chain()),
        BusError::Full(_) => Status::with_error_details(
            Code::ResourceExhausted,
            error.chain(),
            ErrorDetails::with_retry_info(Some(RETRY_DELAY)),
        ),
        BusError::Refused(_) => Status::invalid_argument(error.chain()),
    }
}

//! The one place where errors become a gRPC status.

use database::DatabaseError;
use service::grpc_status::{RETRY_DELAY, unavailable};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub fn no_such_image(id: &str) -> Status {
    let id: String = id.chars().take(64).collect();
    let details = ErrorDetails::with_resource_info("image", id, "", "no image with this ID in the account");
    Status::with_error_details(Code::NotFound, "Image not found", details)
}

pub fn queue_is_full(waiting: u64) -> Status {
    Status::with_error_details(
        Code::ResourceExhausted,
        format!("{waiting} images wait already; queue it when there are fewer"),
        ErrorDetails::with_retry_info(Some(RETRY_DELAY)),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
pub fn database_status(error: DatabaseError) -> Status {
    if error.is_transient() {
        return unavailable(error.chain());
    }
    tracing::error!(error = error.chain(), "the database refused a statement");
    Status::internal("the database refused a statement; the log of the analyzer tells more")
}

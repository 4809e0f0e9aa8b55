//! Endpoints and deliveries in the interface and in the vocabulary.

mod deliveries;
mod endpoints;

use std::time::Duration;

pub use self::deliveries::{attempt_to_proto, delivery_to_proto, statuses_from_proto};
pub use self::endpoints::{draft_from_proto, endpoint_to_proto};

fn duration_to_proto(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).expect("less than a second of nanoseconds fits"),
    }
}

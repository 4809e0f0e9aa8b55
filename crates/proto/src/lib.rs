//! The gRPC interfaces: code generated from the folder `proto/`, and its conversions to and from [`event`].
//!
//! Relies on the vocabulary for what is valid. Deliberately knows no database, bus or HTTP route.

/// Generated from `proto/`; documented there.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod analyzer {
    pub mod v1 {
        tonic::include_proto!("analyzer.v1");
    }
}

/// Generated from `proto/`; documented there.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod catalog {
    pub mod v1 {
        tonic::include_proto!("catalog.v1");
    }
}

/// Generated from `proto/`; documented there.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod events {
    pub mod v1 {
        tonic::include_proto!("events.v1");
    }
}

/// Generated from `proto/`; documented there.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod jobs {
    pub mod v1 {
        tonic::include_proto!("jobs.v1");
    }
}

/// Generated from `proto/`; documented there.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod notifier {
    pub mod v1 {
        tonic::include_proto!("notifier.v1");
    }
}

/// Generated from `proto/`; documented there.
#[allow(missing_docs, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod policy_engine {
    pub mod v1 {
        tonic::include_proto!("policy_engine.v1");
    }
}

mod event_conversion;
mod filter_conversion;
mod payload;

pub use event_conversion::{check_event, level_from_proto, level_to_proto, timestamp_from_proto, timestamp_to_proto};
pub use filter_conversion::{check_filter, filter_to_proto};
pub use payload::{PayloadError, decode_payload, encode_payload};

/// Descriptors of every interface, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

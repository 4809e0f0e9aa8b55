//! What every process needs: the [`config`] file, [`telemetry`], [`readiness`], the [`door`]s it listens at, the
//! [`admin`] door for metrics and probes, the [`gate`] before what is not there yet, and [`shutdown`].
//!
//! Relies on nothing of ours. Deliberately knows no event, no table and no bus.

pub mod admin;
pub mod client_address;
pub mod config;
pub mod door;
pub mod gate;
pub mod grpc;
pub mod grpc_status;
pub mod own_tls;
pub mod readiness;
pub mod retry;
pub mod shutdown;
pub mod telemetry;

//! The one public door: gRPC calls are passed on by service name to the service that answers them, streams included;
//! reflection and health cover all of them; `/health` is for load balancers.
//!
//! Relies on the descriptors in `proto` and on the peers' addresses. Deliberately knows no database, no bus and no
//! credentials: each service checks those itself, so passing through here adds no trust.

mod config;
mod gateway;
mod pass_on;
mod peer;

pub use config::Config;
pub use gateway::{Gateway, GatewayError, SERVICE};
pub use peer::{Peer, PeerAddress, PeerAddressError};

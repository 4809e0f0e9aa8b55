//! The one public door: the REST interface that every existing client speaks ([`rest`]), and gRPC calls, which are passed
//! on by service name to the service that answers them, streams included; reflection and health cover all of them.
//!
//! Relies on the gRPC interfaces in `proto`, on the contract's JSON and on the peers' addresses. Deliberately knows no
//! database, no bus and no credentials: each service checks those itself, so passing through here adds no trust.
//!
//! In reading order: [`gateway`] listens, [`rest`] has the routes, [`wire`] knows the contract's words, [`refusal`] its
//! errors.

mod ascii_json;
mod caller;
mod config;
mod gateway;
mod pass_on;
mod peer;
mod refusal;
mod rest;
mod wire;

pub use config::Config;
pub use gateway::{Gateway, GatewayError, SERVICE};
pub use peer::{Peer, PeerAddress, PeerAddressError};

//! Starts the built programs with configurations, ports, directories and servers of their own, and ends them with the
//! test, also when it panics or is killed.

#[macro_use]
mod shape;
mod cli;
mod compose_stack;
mod container;
mod eventually;
mod feeds;
mod http;
mod loss;
mod port;
mod process;
mod program;
mod python;
mod random;
mod rest;
mod rpc;
mod samples;
mod stack;

pub use cli::{ADMIN, ALICE, BOB, CAROL, Client, Output, User, id_in, run};
pub use compose_stack::ComposeStack;
pub use container::Container;
pub use eventually::{DEADLINE, eventually, holds};
pub use feeds::Feeds;
pub use http::http_get;
pub use loss::all_are_listed_once_and_in_full;
pub use port::{any_ports, free_port};
pub use process::Process;
pub use program::{client_program, demo_program, server_program};
pub use python::Python;
pub use random::Random;
pub use rest::{Answer, Rest};
pub use rpc::{Rpc, block_on, wrong_fields};
pub use samples::{event, id_of, lines_of, page_events};
pub use shape::Shape;
pub use stack::Stack;

//! The log watched over and carried over, with a log and a bus that do as the test says.

mod doubles;
mod forwarder;
mod keeper;

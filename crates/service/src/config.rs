//! The configuration file: one [`Document`] of YAML with the environment laid over it, from which each crate reads its
//! own [`Section`] into its own `Config`.
//!
//! serde stops at the first error and cannot tell what it knows; a tired operator wants every problem at once, by path,
//! with the nearest known key. So sections are read key by key: what was asked for is known, what is left over is not.

mod document;
mod findings;
mod problem;
mod section;
mod span;
#[cfg(test)]
mod tests;

pub use document::{Document, ENVIRONMENT_PREFIX, Environment, Reading};
pub use findings::{Origin, Resolved};
pub use problem::{Problem, Problems};
pub use section::Section;
pub use span::{format_span, parse_span};

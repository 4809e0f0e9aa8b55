//! The commands, a module for each noun.

pub mod completions;
pub mod event;
pub mod feeds;
pub mod image;
pub mod webhook;

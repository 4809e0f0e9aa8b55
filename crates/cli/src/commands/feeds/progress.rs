//! How far a sync has come, for somebody who watches.

use std::io::IsTerminal;

use proto::policy_engine::v1::FeedGroup;

use super::shown::{name, phase};

/// One line on standard error that is written over and over; without a terminal there is none.
pub struct Progress {
    is_watched: bool,
    is_shown: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { is_watched: std::io::stderr().is_terminal(), is_shown: false }
    }

    /// Shows a group that is not done.
    pub fn show(&mut self, group: &FeedGroup) {
        if let (true, Some(progress)) = (self.is_watched, &group.progress) {
            eprint!("\r\x1b[K{}: {}", name(group), phase(progress));
            self.is_shown = true;
        }
    }

    /// Takes the line away again.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            eprint!("\r\x1b[K");
        }
    }
}

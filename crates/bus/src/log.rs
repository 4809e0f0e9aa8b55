//! What a log on this machine offers beside the promises of a bus: how full it is, and a place for what cannot go on.

use std::time::Duration;

use async_trait::async_trait;
use event::Timestamp;

use crate::{Bus, BusError};

/// A bus that lies on this machine, within bounds that somebody has to watch.
///
/// At its bound of bytes it refuses new messages; what it has taken it never drops by itself. A message that cannot go on
/// is put aside, where no consumer sees it, until somebody has it tried again or drops it.
#[async_trait]
pub trait Log: Bus {
    async fn fill(&self) -> Result<Fill, BusError>;

    /// Puts the message `id` aside for `reason`, a line for people. Returns whether it was there.
    async fn put_aside(&self, id: &str, reason: &str) -> Result<bool, BusError>;
}

/// How full a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// What it holds, messages that everybody has settled and that are put aside included.
    pub bytes: u64,
    /// At this many it refuses.
    pub bytes_max: u64,
    /// Messages that some consumer has not settled; a few more where consumers read one topic only.
    pub messages: u64,
    /// When the oldest of them was added.
    pub oldest_at: Option<Timestamp>,
    /// A message that is not settled at this age is put aside.
    pub age_max: Duration,
    /// Messages that are put aside.
    pub put_aside: u64,
    pub consumers: Vec<ConsumerFill>,
}

/// How far behind a consumer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerFill {
    pub name: String,
    pub behind: u64,
    /// Nobody reads it in this process, and nobody is going to: it is forgotten when what it holds back is in the way.
    pub is_absent: bool,
}

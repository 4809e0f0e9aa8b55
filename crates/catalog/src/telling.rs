//! What still has to be told: an event, or a job for the analyzer. Its ID is made once, when it is decided on.

use bus::AnalysisJob;
use event::{Event, EventId};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Telling {
    Event(Event),
    Job(AnalysisJob),
}

impl Telling {
    pub(crate) fn id(&self) -> EventId {
        match self {
            Self::Event(event) => event.id,
            Self::Job(job) => job.id,
        }
    }
}

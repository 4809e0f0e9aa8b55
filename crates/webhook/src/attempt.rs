//! What came of one request.

use std::time::Duration;

use cause::Cause;
use event::Timestamp;
use http::StatusCode;

use crate::Reply;

/// One request, made.
#[derive(Debug)]
pub struct Attempt {
    pub started_at: Timestamp,
    /// From the start to the head of the answer, or to where it was clear that there is none.
    pub duration: Duration,
    pub outcome: Outcome,
}

/// Whether the receiver has the notification.
#[derive(Debug)]
pub enum Outcome {
    /// It said so: any 2xx.
    Delivered(Reply),
    /// It answered something else, redirects included.
    Refused {
        reply: Reply,
        /// Not before, says the receiver (`Retry-After`); at most a day away.
        retry_at: Option<Timestamp>,
        cause: Cause,
    },
    /// There was no answer, or nothing was sent: the address is forbidden, the name unknown, nobody there, no time left.
    NotAnswered(Cause),
}

impl Outcome {
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered(_))
    }

    /// Whether the receiver wants nothing more, ever: 410 (Standard Webhooks, "Delivery success and failure").
    pub fn is_gone(&self) -> bool {
        self.status() == Some(StatusCode::GONE)
    }

    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Delivered(reply) | Self::Refused { reply, .. } => Some(reply),
            Self::NotAnswered(_) => None,
        }
    }

    pub fn status(&self) -> Option<StatusCode> {
        self.reply().map(|reply| reply.status)
    }

    /// Why it was not delivered.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Delivered(_) => None,
            Self::Refused { cause, .. } | Self::NotAnswered(cause) => Some(cause),
        }
    }

    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::Refused { retry_at, .. } => *retry_at,
            Self::Delivered(_) | Self::NotAnswered(_) => None,
        }
    }
}

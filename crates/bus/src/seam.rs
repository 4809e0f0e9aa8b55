//! The seam itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::Topic;

/// Most bytes of one payload: 1 MiB, the default bound of a NATS server, less what its headers take.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024 - 1024;
/// Most bytes of a message's ID.
pub const MESSAGE_ID_BYTES_MAX: usize = 64;
/// Most bytes of a subject; a NATS server's line is 4 KiB, with the reply subject in it.
pub const SUBJECT_BYTES_MAX: usize = 2048;

/// A durable log of messages with named readers. Each reader has a position of its own, so one message reaches every
/// consumer, and a consumer that was away finds what it missed.
///
/// Promises, held by the `conformance` suite:
///
/// - what `publish` confirmed survives `kill -9` of this process and of the bus;
/// - a message whose ID is known from the last two minutes or more is not added again, and confirmed as a duplicate;
/// - a consumer gets the messages of its topic in the order in which they were added, redelivered ones excepted;
/// - a message that was not settled within its consumer's `ack_wait` is delivered again, with a higher `attempt`.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Adds messages in the order given. Result `i` is for message `i`: `Ok` once it is durable.
    ///
    /// After an error the message may or may not have been added: publish it again under the same ID.
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>>;

    /// Opens the durable consumer `spec.name`, created if there is none: a new one begins at the oldest message that
    /// the bus still holds. Several openings of one name share its messages.
    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError>;

    /// Whether the bus can be used now.
    ///
    /// # Errors
    /// Why not.
    async fn check(&self) -> Result<(), BusError>;
}

/// A named, durable reader.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Up to `max` messages: at once what is there, else as soon as there is one, else none after `wait`.
    async fn fetch(&self, max: usize, wait: Duration) -> Result<Vec<Message>, BusError>;

    /// Says what became of messages. What cannot be settled is delivered again, so an error may be ignored by a reader
    /// to whom repeats are harmless.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), BusError>;
}

/// How a consumer reads.
#[derive(Debug, Clone)]
pub struct ConsumerSpec {
    /// Letters, digits, `-` and `_`.
    pub name: &'static str,
    /// What it reads: one topic, or everything. The same for every opening of the name.
    pub reads: Option<Topic>,
    /// A message not settled within this time is delivered again. Longer than the worst batch takes.
    pub ack_wait: Duration,
    /// Most messages delivered and not settled; more are not delivered. At least two batches.
    pub unsettled_max: usize,
}

/// A message to publish.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Dot-separated tokens after the prefix of its [`Topic`], at most [`SUBJECT_BYTES_MAX`].
    pub subject: String,
    /// Identity of the message: what the bus knows duplicates by. 1 to [`MESSAGE_ID_BYTES_MAX`] visible ASCII
    /// characters.
    pub id: String,
    /// At most [`PAYLOAD_BYTES_MAX`].
    pub payload: Vec<u8>,
}

impl Outgoing {
    /// Whether any bus takes this message; each adapter asks before it publishes, so all refuse alike.
    ///
    /// # Errors
    /// [`BusError::Refused`].
    pub fn check(&self) -> Result<(), BusError> {
        let id_is_plain = self.id.bytes().all(|byte| byte.is_ascii_graphic());
        if self.id.is_empty() || self.id.len() > MESSAGE_ID_BYTES_MAX || !id_is_plain {
            let id: String = self.id.chars().take(MESSAGE_ID_BYTES_MAX).collect();
            return Err(BusError::Refused(format!(
                "expected an ID of 1 to {MESSAGE_ID_BYTES_MAX} visible ASCII characters, got {id:?}"
            )));
        }
        let has_topic = Topic::ALL.iter().any(|topic| topic.holds(&self.subject));
        let subject_is_plain = has_topic && self.subject.split('.').all(is_subject_token);
        if self.subject.len() > SUBJECT_BYTES_MAX || !subject_is_plain {
            let subject: String = self.subject.chars().take(256).collect();
            return Err(BusError::Refused(format!(
                "expected a subject of at most {SUBJECT_BYTES_MAX} bytes below {}, without wildcards, got {subject:?}",
                Topic::ALL.map(|topic| format!("`{}`", topic.prefix())).join(" or ")
            )));
        }
        if self.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(BusError::Refused(format!(
                "expected a payload of at most {PAYLOAD_BYTES_MAX} bytes, got {}",
                self.payload.len()
            )));
        }
        Ok(())
    }
}

fn is_subject_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*' && byte != b'>')
}

/// A message was added, or was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    pub duplicate: bool,
}

/// One message as a consumer holds it, until it is settled.
#[derive(Debug, Clone)]
pub struct Message {
    pub id: String,
    pub subject: String,
    pub payload: Vec<u8>,
    /// 1 on the first delivery. Counts at least the deliveries since the bus was started.
    pub attempt: u32,
    pub token: Token,
}

/// Names one delivery of a message to the bus that made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token(pub String);

/// What became of one delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub token: Token,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done: not delivered to this consumer again.
    Ack,
    /// Not now: delivered again after this time at the earliest.
    Retry { after: Duration },
    /// Never: not delivered to this consumer again, because it can never be processed.
    Reject,
}

/// Why a bus did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Try again later, with the same IDs.
    #[error("the bus cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Try again later: consumers are behind, and the bus holds as much as it may.
    #[error("the bus is full: {0}")]
    Full(String),
    /// Never: the bus does not take this message.
    #[error("the bus refuses the message: {0}")]
    Refused(String),
    /// Not before somebody changes the configuration, ours or the server's.
    #[error("the bus is not set up as needed: {0}")]
    Misconfigured(String),
}

impl BusError {
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// The same error for another message.
    #[must_use]
    pub fn copy(&self) -> Self {
        match self {
            Self::Unavailable(source) => Self::unavailable(source.to_string()),
            Self::Full(text) => Self::Full(text.clone()),
            Self::Refused(text) => Self::Refused(text.clone()),
            Self::Misconfigured(text) => Self::Misconfigured(text.clone()),
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

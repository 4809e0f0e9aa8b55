//! One request for messages, and what the server answers.
//!
//! The client has a stream of messages for this, which waits for a full batch or for the end of its time, takes every
//! status for an error that is not the end, and does not notice that the server is gone. A service needs the opposite:
//! what is there at once, and an answer in bounded time.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::{Message, StatusCode};
use bus::BusError;
use futures::StreamExt;
use tokio::time::{Instant, sleep_until};

use crate::link::{ANSWER_WAIT, Link};

/// The server ends a batch at this many bytes, so that one of large messages does not fill the memory.
const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// JetStream's status for a request that cannot go on.
const CONFLICT: u16 = 409;

/// A request whose messages stop coming without an end has met the bound of unsettled messages: the server keeps it
/// open until there is room. Whoever asked gets what came, after this pause.
const QUIET: Duration = Duration::from_millis(200);

/// What the server gave for one request.
pub(crate) struct Pulled {
    pub(crate) messages: Vec<Message>,
    pub(crate) end: End,
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With all that was asked for, or all there is, or its time is over.
    Done,
    /// The server or the consumer is not there any more, as far as can be seen.
    Gone(String),
}

/// Asks for up to `max` messages: at once what is there, else what comes first within `wait`.
///
/// A request with `no_wait` and a time is just that: the server keeps it until there is something, gives what there is,
/// and ends it (seen on 2.9.10 and 2.15.1). So nothing is left open at the server that could take messages for nobody.
///
/// # Errors
/// [`BusError::Unavailable`] when the client cannot even ask.
pub(crate) async fn pull(
    link: &Link,
    connect: u64,
    consumer: &PullConsumer,
    max: usize,
    wait: Duration,
) -> Result<Pulled, BusError> {
    let request = BatchConfig {
        batch: max,
        expires: Some(wait),
        no_wait: true,
        max_bytes: BATCH_BYTES_MAX,
        ..BatchConfig::default()
    };
    let unsent = |error: String| link.unavailable(&format!("cannot ask for messages: {error}"));
    let inbox = link.client.new_inbox();
    let mut answers = link.client.subscribe(inbox.clone()).await.map_err(|error| unsent(error.to_string()))?;
    consumer.request_batch(request, inbox.into()).await.map_err(|error| unsent(error.to_string()))?;
    let mut deadline = Instant::now() + wait + ANSWER_WAIT;
    let mut messages = Vec::new();
    while messages.len() < max {
        let answer = tokio::select! {
            biased;
            answer = answers.next() => answer,
            () = link.lost(connect) => None,
            () = sleep_until(deadline) => None,
        };
        match answer {
            Some(answer) => match answer.status {
                None | Some(StatusCode::OK) => {
                    messages.push(answer);
                    deadline = Instant::now() + QUIET;
                }
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(status) => {
                    let end = end(status, answer.description.as_deref().unwrap_or_default());
                    return Ok(Pulled { messages, end });
                }
            },
            None if messages.is_empty() => {
                let end = End::Gone("the connection was lost, or there is no such consumer any more".to_owned());
                return Ok(Pulled { messages, end });
            }
            None => {
                // Before anything is settled, which would make room: the server drops a request that nobody listens to.
                // A connection that is lost needs no word.
                let _ = answers.unsubscribe().await;
                break;
            }
        }
    }
    Ok(Pulled { messages, end: End::Done })
}

fn end(status: StatusCode, description: &str) -> End {
    match (status, status.as_u16()) {
        (StatusCode::NOT_FOUND | StatusCode::TIMEOUT, _) => End::Done,
        // Of the conflicts these two say that a bound was met: the batch is full by bytes, or too much is unsettled.
        (_, CONFLICT) if ["MaxBytes", "MaxAckPending"].iter().any(|bound| description.contains(bound)) => End::Done,
        (StatusCode::NO_RESPONDERS, _) => End::Gone("there is no such consumer".to_owned()),
        _ => End::Gone(format!("{status} {description}")),
    }
}

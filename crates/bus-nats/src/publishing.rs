//! Publishing: many messages on the way at once, and an end to waiting for any of them.

use std::collections::VecDeque;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, ErrorCode};
use bus::{BusError, Outgoing, Receipt};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::room::Room;
use crate::stream::EventStream;

/// Most messages of one call that are sent and not acknowledged.
pub(crate) const IN_FLIGHT_MAX: usize = 512;
/// Most bytes of them, unless a single message is larger.
const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

type Ack = BoxFuture<'static, Result<PublishAck, PublishError>>;

/// The publishing of one slice.
pub(crate) struct Publishing<'a> {
    stream: &'a EventStream,
    /// The connection on which the messages are sent; an acknowledgement does not survive it.
    connect: u64,
    in_flight: VecDeque<(usize, usize, Ack)>,
    in_flight_bytes: usize,
    results: Vec<Option<Result<Receipt, BusError>>>,
    /// Why nothing more is sent, and nothing more is waited for: a later message must not overtake an earlier one that
    /// is published again, and one silence is enough.
    stopped: Option<String>,
    met_bound: bool,
    missed_stream: bool,
}

impl<'a> Publishing<'a> {
    /// Publishes the messages in their order; result `i` is for message `i`.
    pub(crate) async fn run(
        stream: &'a EventStream,
        room: &Room,
        connect: u64,
        outgoing: Vec<Outgoing>,
    ) -> Vec<Result<Receipt, BusError>> {
        let mut publishing = Self {
            stream,
            connect,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            results: outgoing.iter().map(|_| None).collect(),
            stopped: None,
            met_bound: false,
            missed_stream: false,
        };
        for (index, message) in outgoing.into_iter().enumerate() {
            publishing.send(index, message).await;
        }
        while !publishing.in_flight.is_empty() {
            publishing.take_oldest_ack().await;
        }
        if publishing.missed_stream {
            stream.doubt().await;
        }
        if publishing.met_bound {
            let reason = room.make(stream).await;
            for result in publishing.results.iter_mut().flatten() {
                if let Err(BusError::Full(text)) = result {
                    text.clone_from(&reason);
                }
            }
        }
        publishing.results.into_iter().map(|result| result.expect("each message was sent or not")).collect()
    }

    async fn send(&mut self, index: usize, message: Outgoing) {
        if let Err(refusal) = message.check() {
            self.results[index] = Some(Err(refusal));
            return;
        }
        let bytes = message.payload.len();
        while !self.in_flight.is_empty()
            && (self.in_flight.len() >= IN_FLIGHT_MAX || self.in_flight_bytes + bytes > IN_FLIGHT_BYTES_MAX)
        {
            self.take_oldest_ack().await;
        }
        if let Some(reason) = &self.stopped {
            let text = format!("not tried, because an earlier message was not added: {reason}");
            self.results[index] = Some(Err(BusError::unavailable(text)));
            return;
        }
        let publish = PublishMessage::build().message_id(&message.id).payload(message.payload.into());
        match self.stream.context.send_publish(message.subject, publish).await {
            Ok(ack) => {
                self.in_flight.push_back((index, bytes, ack.into_future()));
                self.in_flight_bytes += bytes;
            }
            Err(error) => {
                let error = self.translate(&error);
                self.finish(index, Err(error));
            }
        }
    }

    async fn take_oldest_ack(&mut self) {
        let Some((index, bytes, mut ack)) = self.in_flight.pop_front() else { return };
        self.in_flight_bytes -= bytes;
        let link = &self.stream.link;
        let ack = if self.stopped.is_some() {
            // What has come is taken; nothing else is waited for.
            (&mut ack).now_or_never()
        } else {
            tokio::select! {
                biased;
                ack = &mut ack => Some(ack),
                () = link.lost(self.connect) => None,
            }
        };
        let result = match ack {
            Some(Ok(ack)) => {
                receipt(&ack).ok_or_else(|| link.unavailable("the ID is known, but its message is not stored yet"))
            }
            Some(Err(error)) => Err(self.translate(&error)),
            None => Err(link.unavailable("the connection was lost, or no acknowledgement came")),
        };
        self.finish(index, result);
    }

    fn finish(&mut self, index: usize, result: Result<Receipt, BusError>) {
        if let Err(error) = &result {
            self.met_bound |= matches!(error, BusError::Full(_));
            if self.stopped.is_none() && !matches!(error, BusError::Refused(_)) {
                self.stopped = Some(error.chain());
            }
        }
        self.results[index] = Some(result);
    }

    fn translate(&mut self, error: &PublishError) -> BusError {
        let link = &self.stream.link;
        match error.kind() {
            PublishErrorKind::MaxPayloadExceeded => {
                BusError::Refused(format!("the server's `max_payload` is too small: {error}"))
            }
            PublishErrorKind::StreamNotFound => {
                self.missed_stream = true;
                link.unavailable("no stream takes the message; it will be created")
            }
            PublishErrorKind::TimedOut => link.unavailable("no acknowledgement in time"),
            _ => {
                let source = std::error::Error::source(error);
                match source.and_then(|source| source.downcast_ref::<jetstream::Error>()) {
                    Some(refusal) => self.refused(refusal),
                    None => link.unavailable(&error.to_string()),
                }
            }
        }
    }

    fn refused(&self, error: &jetstream::Error) -> BusError {
        let text = error.to_string();
        match error.error_code() {
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM | ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
                BusError::Refused(text)
            }
            ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED => BusError::Full(text),
            // The one code for whatever the store says, `maximum bytes exceeded` or `maximum messages exceeded` too.
            ErrorCode::STREAM_STORE_FAILED if text.contains("maximum") => BusError::Full(text),
            _ => self.stream.link.unavailable(&text),
        }
    }
}

/// What the acknowledgement confirms, if anything.
///
/// A leader that is cut off from its peers may know the ID and have stored nothing; when it steps down, the message is
/// gone (measured on 2.10.27). It answers as for a duplicate, with the sequence 0, which no stored message has.
fn receipt(ack: &PublishAck) -> Option<Receipt> {
    (ack.sequence > 0).then_some(Receipt { duplicate: ack.duplicate })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(duplicate: bool, sequence: u64, expected: Option<bool>) {
        let ack = PublishAck { duplicate, sequence, ..PublishAck::default() };
        assert_eq!(receipt(&ack).map(|receipt| receipt.duplicate), expected, "{ack:?}");
    }

    #[test]
    fn only_a_stored_message_is_confirmed() {
        check(false, 7, Some(false));
        check(true, 7, Some(true));
        check(true, 0, None);
        check(false, 0, None);
    }
}

//! One opening of a durable pull consumer.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Request;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::{RequestErrorKind, header};
use async_trait::async_trait;
use bus::{BusError, Consumer, ConsumerSpec, Message, Settlement, Token, Verdict};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::link::ANSWER_WAIT;
use crate::pull::{End, pull};
use crate::refusal::refusal;
use crate::settings::subjects_of;
use crate::stream::{EventStream, Standing};

/// Shortest life of a request for messages; a shorter one may be over before it arrives.
const PULL_MIN: Duration = Duration::from_millis(10);
/// A request is renewed after this time. One to a consumer that is gone gets no answer at all, so this, and the wait for
/// an answer, is how long that goes unnoticed.
const PULL_MAX: Duration = Duration::from_secs(5);
/// Between two requests of which the first ended early and empty, as when another opening waits already.
const EARLY_PAUSE: Duration = Duration::from_millis(50);
/// Subjects to which a delivery is settled; a token that is none is not ours.
const SETTLE_PREFIX: &str = "$JS.ACK.";

pub(crate) struct NatsConsumer {
    stream: Arc<EventStream>,
    spec: ConsumerSpec,
    /// The consumer as the server knows it, and what that holds for.
    handle: Mutex<Option<(Standing, PullConsumer)>>,
}

impl NatsConsumer {
    pub(crate) async fn open(stream: Arc<EventStream>, spec: ConsumerSpec) -> Result<Self, BusError> {
        let consumer = Self { stream, spec, handle: Mutex::new(None) };
        consumer.handle().await?;
        Ok(consumer)
    }

    /// The consumer, created if the server has none by its name, and the number of the connection.
    async fn handle(&self) -> Result<(u64, PullConsumer), BusError> {
        let standing = self.stream.ensure().await?;
        let mut handle = self.handle.lock().await;
        let consumer = match &*handle {
            Some((made_for, consumer)) if *made_for == standing => consumer.clone(),
            _ => handle.insert((standing, self.create().await?)).1.clone(),
        };
        Ok((standing.connect, consumer))
    }

    async fn create(&self) -> Result<PullConsumer, BusError> {
        let config = Config {
            durable_name: Some(self.spec.name.to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            filter_subject: self.spec.reads.map(subjects_of).unwrap_or_default(),
            ack_wait: self.spec.ack_wait,
            max_ack_pending: i64::try_from(self.spec.unsettled_max).unwrap_or(i64::MAX),
            // A message that fails again and again is rejected by its reader, which can say why; a server that stops
            // delivering it says nothing.
            max_deliver: -1,
            ..Config::default()
        };
        let stream = &self.stream.config.name;
        self.stream.context.create_consumer_on_stream(config, stream).await.map_err(|error| self.create_error(&error))
    }

    fn create_error(&self, error: &ConsumerError) -> BusError {
        let what = format!("cannot open the consumer `{}`", self.spec.name);
        match error.kind() {
            ConsumerErrorKind::JetStream(error) => refusal(&self.stream.link, &what, &error),
            _ => self.stream.link.unavailable(&format!("{what}: {error}")),
        }
    }

    /// Looks for stream and consumer again before the next use.
    async fn doubt(&self, reason: &str) -> BusError {
        self.stream.doubt().await;
        *self.handle.lock().await = None;
        self.stream.link.unavailable(&format!("consumer `{}`: {reason}", self.spec.name))
    }

    async fn pull(&self, max: usize, wait: Duration) -> Result<Vec<Message>, BusError> {
        let (connect, consumer) = self.handle().await?;
        let pulled = pull(&self.stream.link, connect, &consumer, max, wait).await?;
        match pulled.end {
            End::Gone(reason) if pulled.messages.is_empty() => Err(self.doubt(&reason).await),
            _ => Ok(pulled.messages.into_iter().map(|message| self.translate(message)).collect()),
        }
    }

    fn translate(&self, message: async_nats::Message) -> Message {
        let message = async_nats::jetstream::Message { message, context: self.stream.context.clone() };
        let (attempt, position) = match message.info() {
            Ok(info) => (u32::try_from(info.delivered).unwrap_or(1), info.stream_sequence),
            // Cannot be: without it the server could not be told what became of the message.
            Err(_) => (1, 0),
        };
        let message = message.message;
        let id = message.headers.as_ref().and_then(|headers| headers.get(header::NATS_MESSAGE_ID));
        Message {
            // Some other program may publish without an ID.
            id: id.map_or_else(|| format!("seq-{position}"), ToString::to_string),
            subject: message.subject.to_string(),
            payload: message.payload.into(),
            attempt,
            token: Token(message.reply.map(|reply| reply.to_string()).unwrap_or_default()),
        }
    }
}

#[async_trait]
impl Consumer for NatsConsumer {
    /// A caller that gives up waiting may lose a delivery, which comes back after `ack_wait`.
    async fn fetch(&self, max: usize, wait: Duration) -> Result<Vec<Message>, BusError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let started_at = Instant::now();
        loop {
            let rest = wait.saturating_sub(started_at.elapsed());
            let pull_wait = rest.clamp(PULL_MIN, PULL_MAX);
            let pull_ends_at = Instant::now() + pull_wait;
            let messages = self.pull(max, pull_wait).await?;
            if !messages.is_empty() || started_at.elapsed() >= wait {
                return Ok(messages);
            }
            if Instant::now() < pull_ends_at {
                sleep(EARLY_PAUSE).await;
            }
        }
    }

    /// All but the last are sent without waiting for an answer, and the last one waits for it: the server takes what
    /// comes over one connection in order, so its answer is an answer to all, at the price of one round trip. With none
    /// a lost connection would go unnoticed until the messages come again.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), BusError> {
        let link = &self.stream.link;
        if let Some(Settlement { token, .. }) = settlements.iter().find(|item| !item.token.0.starts_with(SETTLE_PREFIX))
        {
            return Err(BusError::Refused(format!("`{}` is no delivery of this bus", token.0)));
        }
        if settlements.is_empty() {
            return Ok(());
        }
        if !link.is_up() {
            return Err(link.unavailable("not connected"));
        }
        let connect = link.connected().await?;
        let count = settlements.len();
        for (index, Settlement { token: Token(subject), verdict }) in settlements.into_iter().enumerate() {
            let answer = ack_kind(verdict);
            if index + 1 < count {
                let sent = link.client.publish(subject, answer.into()).await;
                sent.map_err(|error| link.unavailable(&format!("cannot settle: {error}")))?;
                continue;
            }
            let request = Request::new().payload(answer.into()).timeout(Some(ANSWER_WAIT));
            let answered = tokio::select! {
                answered = link.client.send_request(subject, request) => answered,
                () = link.lost(connect) => return Err(link.unavailable("the connection was lost while settling")),
            };
            if let Err(error) = answered {
                let reason = match error.kind() {
                    RequestErrorKind::NoResponders => return Err(self.doubt("there is no such consumer").await),
                    RequestErrorKind::TimedOut => "no answer in time".to_owned(),
                    _ => error.to_string(),
                };
                return Err(link.unavailable(&format!("cannot settle: {reason}")));
            }
        }
        Ok(())
    }
}

fn ack_kind(verdict: Verdict) -> AckKind {
    match verdict {
        Verdict::Ack => AckKind::Ack,
        Verdict::Retry { after } if after.is_zero() => AckKind::Nak(None),
        Verdict::Retry { after } => AckKind::Nak(Some(after)),
        Verdict::Reject => AckKind::Term,
    }
}

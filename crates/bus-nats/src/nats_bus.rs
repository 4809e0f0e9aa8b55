//! The bus as its users hold it.

use std::sync::Arc;

use async_nats::jetstream::context::ContextBuilder;
use async_trait::async_trait;
use bus::{Bus, BusError, Consumer, ConsumerSpec, Outgoing, Receipt};
use tokio::sync::Semaphore;

use crate::NatsConfig;
use crate::link::{ANSWER_WAIT, Link};
use crate::nats_consumer::NatsConsumer;
use crate::publishing::{IN_FLIGHT_MAX, Publishing};
use crate::room::Room;
use crate::stream::EventStream;

/// Most calls that publish at the same time; others wait for their turn.
const PUBLISHING_MAX: usize = 8;

/// A bus on a NATS server or cluster.
pub struct NatsBus {
    stream: Arc<EventStream>,
    room: Room,
    turns: Semaphore,
}

impl NatsBus {
    /// Begins to connect and returns, whether or not the server is there: until it is, every call fails as unavailable.
    /// A lost connection comes back by itself.
    ///
    /// # Errors
    /// [`BusError::Misconfigured`] when a setting is out of its range or a file cannot be read.
    pub async fn connect(config: NatsConfig) -> Result<Arc<Self>, BusError> {
        let link = Arc::new(Link::open(&config).await?);
        // The client's permits are held by acknowledgements that nobody polls while their call waits for another
        // permit, so they must never run out; the bounds are ours.
        let context = ContextBuilder::new()
            .timeout(ANSWER_WAIT)
            .max_ack_inflight(PUBLISHING_MAX * IN_FLIGHT_MAX)
            .backpressure_on_inflight(true)
            .build(link.client.clone());
        let stream = Arc::new(EventStream::new(link, context, config.stream));
        Ok(Arc::new(Self { stream, room: Room::default(), turns: Semaphore::new(PUBLISHING_MAX) }))
    }
}

impl NatsBus {
    pub(crate) fn stream(&self) -> &EventStream {
        &self.stream
    }

    pub(crate) fn link(&self) -> &Link {
        &self.stream.link
    }
}

#[async_trait]
impl Bus for NatsBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let _turn = self.turns.acquire().await.expect("never closed");
        match self.stream.ensure().await {
            Ok(standing) => Publishing::run(&self.stream, &self.room, standing.connect, outgoing).await,
            Err(error) => outgoing.iter().map(|message| message.check().and_then(|()| Err(error.copy()))).collect(),
        }
    }

    async fn consumer(&self, spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        Ok(Arc::new(NatsConsumer::open(Arc::clone(&self.stream), spec.clone()).await?))
    }

    async fn check(&self) -> Result<(), BusError> {
        self.stream.check().await
    }
}

//! The consumers of the stream as an operator sees them.

use std::time::Duration;

use bus::BusError;
use futures::TryStreamExt;

use crate::NatsBus;
use crate::stream::EventStream;

/// A durable consumer, ours or another program's. Each holds back what is purged when the stream is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReader {
    pub name: String,
    /// Messages that it has not been given yet.
    pub pending: u64,
    /// Messages that it was given and has not settled.
    pub unsettled: u64,
    /// Whether somebody asks for its messages at this moment.
    pub is_read: bool,
}

/// What came of an operator's wish that a consumer be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    Done,
    /// Somebody asks for its messages at this moment, so it stays.
    IsRead,
    Unknown,
}

/// Whoever reads asks again within this time.
const LOOKS: u32 = 10;
const LOOK_PAUSE: Duration = Duration::from_millis(200);

impl NatsBus {
    /// By name. None when there is no stream yet.
    pub async fn readers(&self) -> Result<Vec<StreamReader>, BusError> {
        let stream = self.stream();
        let handle = lookup(stream).await?;
        let consumers: Vec<_> = handle.consumers().try_collect().await.map_err(|error| {
            stream.link.unavailable(&format!("cannot list the consumers of `{}`: {error}", stream.config.name))
        })?;
        let reader = |consumer: async_nats::jetstream::consumer::Info| StreamReader {
            pending: consumer.num_pending,
            unsettled: consumer.num_ack_pending as u64,
            is_read: consumer.num_waiting > 0,
            name: consumer.name,
        };
        let mut readers: Vec<StreamReader> = consumers.into_iter().map(reader).collect();
        readers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(readers)
    }

    /// Removes a consumer from the stream, unless it is read. A service that comes back to it begins with the oldest
    /// message that the stream holds.
    pub async fn forget(&self, name: &str) -> Result<Forgotten, BusError> {
        for look in 0..LOOKS {
            match self.readers().await?.into_iter().find(|reader| reader.name == name) {
                None => return Ok(Forgotten::Unknown),
                Some(reader) if reader.is_read => return Ok(Forgotten::IsRead),
                Some(_) if look + 1 < LOOKS => tokio::time::sleep(LOOK_PAUSE).await,
                Some(_) => {}
            }
        }
        let stream = self.stream();
        let deleted = lookup(stream).await?.delete_consumer(name).await;
        deleted.map_err(|error| stream.link.unavailable(&format!("cannot remove the consumer `{name}`: {error}")))?;
        Ok(Forgotten::Done)
    }
}

async fn lookup(
    stream: &EventStream,
) -> Result<async_nats::jetstream::stream::Stream<async_nats::jetstream::stream::Info>, BusError> {
    stream.link.connected().await?;
    let found = stream.context.get_stream(&stream.config.name).await;
    found.map_err(|error| {
        stream.link.unavailable(&format!("cannot look up the stream `{}`: {error}", stream.config.name))
    })
}

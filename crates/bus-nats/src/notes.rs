//! Notes as plain NATS messages, beside the stream.

use async_trait::async_trait;
use bus::{BusError, Notes};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::NatsBus;

/// Below no topic, where the stream would keep them.
const PREFIX: &str = "notes.v1";

#[async_trait]
impl Notes for NatsBus {
    async fn tell(&self, topic: &str, note: Vec<u8>) -> Result<(), BusError> {
        let link = self.link();
        let sent = link.client.publish(format!("{PREFIX}.{topic}"), note.into()).await;
        sent.map_err(|error| link.unavailable(&format!("cannot tell a note: {error}")))
    }

    async fn hear(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError> {
        let link = self.link();
        let heard = link.client.subscribe(format!("{PREFIX}.{topic}")).await;
        let heard = heard.map_err(|error| link.unavailable(&format!("cannot hear notes: {error}")))?;
        Ok(heard.map(|message| message.payload.to_vec()).boxed())
    }
}

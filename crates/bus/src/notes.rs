//! Notes: what is said at the moment, to whoever listens at the moment.

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::BusError;

/// The topic on which the store tells which events it has stored: their IDs, one a line.
pub const STORED: &str = "stored";

/// A bus that carries notes beside its messages. A note reaches everyone who hears its topic, at most once; it is not
/// kept, and may be lost. So it may only say what its hearer finds out in another way as well.
#[async_trait]
pub trait Notes: Send + Sync + 'static {
    /// `topic` is one plain word.
    async fn tell(&self, topic: &str, note: Vec<u8>) -> Result<(), BusError>;

    /// The notes on `topic` from now on, until the bus ends; a connection that comes back goes on with them.
    async fn hear(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError>;
}

//! Making room in a full stream.

use std::time::Duration;

use bus::BusError;
use futures::TryStreamExt;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::stream::EventStream;

/// Publishers that go on trying against a full stream do not each ask for room.
const PAUSE: Duration = Duration::from_secs(1);

/// Removes what nobody needs, when there is no room left.
#[derive(Default)]
pub(crate) struct Room {
    last_made_at: Mutex<Option<Instant>>,
}

impl Room {
    /// Purges what every consumer of the stream has settled, consumers of other programs included. With no consumer
    /// nothing is purged: somebody may come for it.
    ///
    /// Returns why there is no room, for a person; after a purge there is some when the message is published again.
    pub(crate) async fn make(&self, stream: &EventStream) -> String {
        let bound = format!("the stream `{}` holds its bound of {} bytes", stream.config.name, stream.config.max_bytes);
        let mut last_made_at = self.last_made_at.lock().await;
        if last_made_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return bound;
        }
        *last_made_at = Some(Instant::now());
        match purge(stream).await {
            Ok(what) => format!("{bound}; {what}"),
            Err(error) => {
                warn!(cause = error.chain(), "cannot make room in the stream");
                bound
            }
        }
    }
}

async fn purge(stream: &EventStream) -> Result<String, BusError> {
    let failed = |what: &str, error: String| stream.link.unavailable(&format!("{what}: {error}"));
    let handle = stream
        .context
        .get_stream(&stream.config.name)
        .await
        .map_err(|error| failed("cannot look up the stream", error.to_string()))?;
    let state = &handle.cached_info().state;
    let mut consumers = handle.consumers();
    let mut slowest: Option<(u64, String)> = None;
    while let Some(consumer) =
        consumers.try_next().await.map_err(|error| failed("cannot list the consumers", error.to_string()))?
    {
        // A consumer of one topic has nothing to say about the messages of the others behind its last own one.
        let is_up_to_date = consumer.num_pending == 0 && consumer.num_ack_pending == 0;
        let settled_through = if is_up_to_date { state.last_sequence } else { consumer.ack_floor.stream_sequence };
        if slowest.as_ref().is_none_or(|(position, _)| settled_through < *position) {
            slowest = Some((settled_through, consumer.name));
        }
    }
    let Some((settled_through, slowest)) = slowest else { return Ok("nobody consumes".to_owned()) };
    if settled_through < state.first_sequence {
        let behind = state.last_sequence.saturating_sub(settled_through);
        return Ok(format!("the consumer `{slowest}` is {behind} messages behind"));
    }
    let purged = handle
        .purge()
        .sequence(settled_through + 1)
        .await
        .map_err(|error| failed("cannot purge the stream", error.to_string()))?
        .purged;
    info!(stream = stream.config.name, messages = purged, "made room in the stream, of what everybody had settled");
    Ok(format!("{purged} settled messages were just removed"))
}

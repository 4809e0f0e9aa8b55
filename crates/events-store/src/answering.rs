//! Answering outboxes that ask for what nobody has confirmed to them: a confirmation may get lost.

use std::sync::Arc;

use bus::{ASKED, AskedNote, BusError, Notes, STORED, StoredNote};
use database::DatabaseError;
use event::{Clock, EventId};
use futures::StreamExt;
use service::retry::Waits;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{DeadLetters, EventsTable};

/// Confirms again what is stored, deleted or put aside. Every replica does, which is harmless.
pub struct Answering {
    pub table: EventsTable,
    pub letters: DeadLetters,
    pub notes: Arc<dyn Notes>,
    pub clock: Arc<dyn Clock>,
}

impl Answering {
    /// Until told to stop. An outbox that gets no answer sends its messages again, so a failure is no news.
    pub async fn run(self, stop: CancellationToken) {
        let mut waits = Waits::default();
        while !stop.is_cancelled() {
            match self.notes.hear(ASKED).await {
                Ok(mut notes) => {
                    waits.reset();
                    while let Some(Some(note)) = stop.run_until_cancelled(notes.next()).await {
                        let Some(asked) = AskedNote::decode(&note) else { continue };
                        if let Err(error) = self.answer(asked.ids).await {
                            debug!(error, "could not answer an outbox");
                        }
                    }
                }
                Err(error) => debug!(error = error.chain(), "cannot hear what outboxes ask"),
            }
            waits.pause(&stop).await;
        }
    }

    async fn answer(&self, asked: Vec<String>) -> Result<(), String> {
        let known = self.known(&asked).await.map_err(|error: DatabaseError| error.chain())?;
        if known.is_empty() {
            return Ok(());
        }
        let note = StoredNote { stored_at: self.clock.now(), ids: known };
        self.notes.tell(STORED, note.encode()).await.map_err(|error: BusError| error.chain())
    }

    async fn known(&self, asked: &[String]) -> Result<Vec<String>, DatabaseError> {
        let ids: Vec<EventId> = asked.iter().filter_map(|id| id.parse().ok()).collect();
        let mut known: Vec<String> = self.table.known(&ids).await?.iter().map(EventId::to_string).collect();
        known.extend(self.letters.known(asked).await?);
        Ok(known)
    }
}

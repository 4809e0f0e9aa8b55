//! Deleting what a filter selects: the preview, and the real run.

use std::sync::Arc;

use database::DatabaseError;
use event::{Clock, Filter};
use futures::Stream;
use proto::events::v1::purge_events_response::Step;
use proto::events::v1::{PurgeEventsResponse, PurgePreview, PurgeProgress};
use tonic::Status;

use crate::EventsTable;
use crate::cursor::{Cursor, to_purge_token};
use crate::metrics::Metrics;
use crate::status::database_status;

/// Events deleted in one transaction.
const BATCH_EVENTS: u64 = 1000;
/// Events shown by a preview.
const SAMPLE_EVENTS: u64 = 10;

/// What a purge would delete.
pub async fn preview(table: &EventsTable, filter: &Filter, below_position: i64) -> Result<PurgePreview, DatabaseError> {
    let count = table.count(filter, below_position).await?;
    let sample = table.list_below(filter, below_position, None, SAMPLE_EVENTS).await?;
    let oldest = table.oldest(filter, below_position).await?;
    Ok(PurgePreview {
        count: i64::try_from(count).expect("a table has fewer than 2^63 rows"),
        newest: sample.first().cloned().map(Into::into),
        sample: sample.into_iter().map(Into::into).collect(),
        oldest: oldest.map(Into::into),
        purge_token: to_purge_token(below_position, filter),
    })
}

/// A purge under way.
pub struct Purge {
    table: EventsTable,
    filter: Filter,
    below_position: i64,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    cursor: Option<Cursor>,
    deleted_count: i64,
    is_done: bool,
}

impl Purge {
    pub fn new(
        table: EventsTable,
        filter: Filter,
        below_position: i64,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        Self { table, filter, below_position, clock, metrics, cursor: None, deleted_count: 0, is_done: false }
    }

    /// Deletes a batch each time the stream is asked, and ends after the last one. A client that goes away stops it.
    pub fn into_stream(self) -> impl Stream<Item = Result<PurgeEventsResponse, Status>> + Send {
        futures::stream::try_unfold(self, |mut purge| async move {
            if purge.is_done {
                return Ok(None);
            }
            let progress = purge.step().await.map_err(database_status)?;
            Ok(Some((PurgeEventsResponse { step: Some(Step::Progress(progress)) }, purge)))
        })
    }

    async fn step(&mut self) -> Result<PurgeProgress, DatabaseError> {
        let now = self.clock.now();
        let batch = self.table.purge_batch(&self.filter, self.below_position, self.cursor, BATCH_EVENTS, now).await?;
        let count = batch.deleted.len() as u64;
        self.is_done = count < BATCH_EVENTS;
        self.cursor = batch.next.or(self.cursor);
        self.metrics.deleted.inc_by(count);
        self.deleted_count += i64::try_from(count).expect("a batch has at most 1000 events");
        Ok(PurgeProgress {
            deleted_ids: batch.deleted.iter().map(ToString::to_string).collect(),
            deleted_count: self.deleted_count,
        })
    }
}

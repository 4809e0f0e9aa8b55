//! One page by its number, read in steps of bounded size.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use database::DatabaseError;
use event::{Clock, Filter};
use futures::Stream;
use prost::Message;
use proto::events::v1::list_page_response::Step;
use proto::events::v1::{Event, ListPageResponse, PageEnd, PageEvents};
use tonic::Status;
use tracing::debug;

use crate::EventsTable;
use crate::cursor::Cursor;
use crate::page_walks::{PageWalks, Start, Walker};
use crate::status::database_status;
use crate::table::Skipped;

/// Events read from the database at once.
const STEP_EVENTS: u64 = 128;
/// Size at which a message is sent; its last event may go beyond.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// How long a page waits for its walk to be noted. Reading must not depend on writing: a walk that cannot be noted is
/// only not remembered.
const NOTE_WAIT: Duration = Duration::from_secs(2);

/// A page that is asked for.
pub struct NumberedPage {
    pub table: EventsTable,
    pub walks: PageWalks,
    pub clock: Arc<dyn Clock>,
    pub walker: Walker,
    pub filter: Filter,
    /// From 1.
    pub page: i64,
    pub page_size: u64,
}

/// A page that is being read.
struct Reading {
    asked: NumberedPage,
    start: Start,
    cursor: Option<Cursor>,
    /// Events still to come.
    left: u64,
    has_next_page: bool,
    is_read: bool,
    is_ended: bool,
    messages: VecDeque<Step>,
}

impl NumberedPage {
    /// Reads on each time the stream is asked. The end of the page comes once its walk is noted: whoever has it may ask
    /// for the next page.
    pub async fn into_stream(self) -> Result<impl Stream<Item = Result<ListPageResponse, Status>> + Send, Status> {
        let found = self.start().await.map_err(database_status)?;
        let is_beyond = found.is_none();
        let start = found.unwrap_or_else(|| Start::new(0, None));
        let reading = Reading {
            cursor: start.cursor,
            start,
            left: self.page_size,
            has_next_page: false,
            is_read: is_beyond,
            is_ended: false,
            messages: VecDeque::new(),
            asked: self,
        };
        Ok(futures::stream::try_unfold(reading, |mut reading| async move {
            let step = reading.next().await.map_err(database_status)?;
            Ok(step.map(|step| (ListPageResponse { step: Some(step) }, reading)))
        }))
    }

    /// Where the page begins; `None` where the list has ended before.
    async fn start(&self) -> Result<Option<Start>, DatabaseError> {
        if self.page > 1
            && let Some(start) = self.walks.find(self.walker, self.page, self.clock.now()).await?
        {
            return Ok(Some(start));
        }
        // Before the place is looked up: what becomes visible in between is then at most left out of the walk.
        let below_position = self.table.next_position().await?;
        let before = u64::try_from(self.page - 1).unwrap_or_default().checked_mul(self.page_size);
        // More events than can be counted are more than there are.
        let Some(before) = before else { return Ok(None) };
        match self.table.skip(&self.filter, before).await? {
            Skipped::To(cursor) => Ok(Some(Start::new(below_position, cursor))),
            Skipped::BeyondTheEnd => Ok(None),
        }
    }
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Step>, DatabaseError> {
        while self.messages.is_empty() && !self.is_read {
            self.read().await?;
        }
        if let Some(step) = self.messages.pop_front() {
            return Ok(Some(step));
        }
        if std::mem::replace(&mut self.is_ended, true) {
            return Ok(None);
        }
        self.note().await;
        Ok(Some(Step::End(PageEnd { has_next_page: self.has_next_page })))
    }

    /// One event more than the page has tells whether there is a next page.
    async fn read(&mut self) -> Result<(), DatabaseError> {
        let asked = STEP_EVENTS.min(self.left + 1);
        let NumberedPage { table, filter, .. } = &self.asked;
        let mut found = table.list_below(filter, self.start.below_position, self.cursor, asked).await?;
        let count = found.len() as u64;
        self.has_next_page = count > self.left;
        self.is_read = self.has_next_page || count < asked;
        found.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left = self.left.saturating_sub(count);
        self.cursor = found.last().map(Cursor::after).or(self.cursor);
        let mut message = Vec::new();
        let mut bytes = 0;
        for event in found {
            let event = Event::from(event);
            bytes += event.encoded_len();
            message.push(event);
            if bytes >= MESSAGE_BYTES {
                bytes = 0;
                self.messages.push_back(Step::Events(PageEvents { events: std::mem::take(&mut message) }));
            }
        }
        if !message.is_empty() {
            self.messages.push_back(Step::Events(PageEvents { events: message }));
        }
        Ok(())
    }

    async fn note(&self) {
        let next = self.cursor.filter(|_| self.has_next_page);
        let NumberedPage { walks, walker, page, clock, .. } = &self.asked;
        match tokio::time::timeout(NOTE_WAIT, walks.note(*walker, *page, &self.start, next, clock.now())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(error = error.chain(), "could not note the place of a walk"),
            Err(_) => debug!(wait_s = NOTE_WAIT.as_secs(), "the place of a walk was not noted in time"),
        }
    }
}

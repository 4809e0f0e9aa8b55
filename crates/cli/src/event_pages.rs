//! Events of the server, page by page.

use event::{FilterDraft, StoredEvent};
use proto::events::v1::{EventFilter, ListEventsRequest};
use tonic::Code;

use crate::connection::{Connection, answer};
use crate::failure::Failure;

/// Events of one page where all are asked for.
const PAGE_EVENTS_MAX: usize = 1000;

/// A walk over the events that match a filter, newest first.
pub struct EventPages<'a> {
    connection: Connection<'a>,
    filter: EventFilter,
    /// Events still asked for; `None` for all.
    wanted: Option<usize>,
    page_events_max: usize,
    /// `None` before the first page; empty after the last one.
    page_token: Option<String>,
}

impl<'a> EventPages<'a> {
    pub fn new(connection: Connection<'a>, filter: FilterDraft, wanted: Option<usize>) -> Self {
        let filter = proto::filter_to_proto(filter);
        Self { connection, filter, wanted, page_events_max: PAGE_EVENTS_MAX, page_token: None }
    }

    /// Whether more events match than were read.
    pub fn has_more(&self) -> bool {
        self.page_token.as_deref().is_none_or(|token| !token.is_empty())
    }

    /// The next page; `None` after the last one that is wanted.
    ///
    /// # Errors
    /// The server refuses the filter, or does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<StoredEvent>>, Failure> {
        if !self.has_more() || self.wanted == Some(0) {
            return Ok(None);
        }
        let page_events = self.wanted.unwrap_or(usize::MAX).min(self.page_events_max);
        let request = self.connection.request(ListEventsRequest {
            filter: Some(self.filter.clone()),
            page_size: Some(i32::try_from(page_events).expect("a page has at most 1000 events")),
            page_token: self.page_token.clone().unwrap_or_default(),
        });
        let page = match answer(self.connection.events().list_events(request)).await {
            Ok(page) => page,
            // The page is larger than we take: large events come in smaller pages.
            Err(status) if status.code() == Code::OutOfRange && page_events > 1 => {
                self.page_events_max = page_events / 2;
                return Box::pin(self.next()).await;
            }
            Err(status) => return Err(self.connection.failure(&status)),
        };
        self.page_token = Some(page.next_page_token);
        let events: Vec<StoredEvent> =
            page.events.into_iter().map(TryInto::try_into).collect::<Result<_, _>>().map_err(Failure::answer)?;
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(events.len()));
        Ok(Some(events))
    }
}

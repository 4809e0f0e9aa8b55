//! `/v1/events` and `/v1/events/{id}`: reading and deleting (contract 3.2 to 3.4).

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use contract::Record;
use event::StoredEvent;
use futures::{Stream, stream};
use http::StatusCode;
use proto::events::v1::list_page_response::Step;
use proto::events::v1::purge_events_response::Step as PurgeStep;
use proto::events::v1::{
    DeleteEventRequest, Event, GetEventRequest, ListPageRequest, ListPageResponse, PurgeEventsRequest,
    PurgeEventsResponse,
};
use tonic::Streaming;

use super::Rest;
use super::long_answer::long_answer;
use crate::ascii_json::{AsciiJson, to_ascii_json};
use crate::caller::Caller;
use crate::refusal::Refusal;
use crate::wire::{ListQuery, read_delete_query};

/// `GET /v1/events`
pub async fn list(State(rest): State<Rest>, caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let query = match ListQuery::read(query.as_deref()) {
        Ok(query) => query,
        Err(error) => return Err(rest.refuse(&caller, error).await),
    };
    let request = caller.request(ListPageRequest {
        filter: Some(query.filter),
        page: query.page,
        page_size: Some(query.limit),
        client: caller.client().to_owned(),
        program: caller.program().to_owned(),
    });
    let steps = rest.events.clone().list_page(request).await?.into_inner();
    Ok(long_answer(Page { steps, number: query.page, item_count: 0, is_ended: false }.into_json()).await)
}

/// `DELETE /v1/events`
pub async fn delete_matching(
    State(rest): State<Rest>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let filter = match read_delete_query(query.as_deref()) {
        Ok(filter) => filter,
        Err(error) => return Err(rest.refuse(&caller, error).await),
    };
    let request = caller.request(PurgeEventsRequest { filter: Some(filter), ..PurgeEventsRequest::default() });
    let steps = rest.events.clone().purge_events(request).await?.into_inner();
    Ok(long_answer(Deletion { steps, count: 0, is_ended: false }.into_json()).await)
}

/// `GET /v1/events/{id}`
pub async fn get(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<AsciiJson<Record>, Refusal> {
    let answer = rest.events.clone().get_event(caller.request(GetEventRequest { id })).await?.into_inner();
    Ok(AsciiJson(record(answer.event.unwrap_or_default())?))
}

/// `DELETE /v1/events/{id}`: the body is `null`.
pub async fn delete_one(
    State(rest): State<Rest>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<AsciiJson<()>, Refusal> {
    rest.events.clone().delete_event(caller.request(DeleteEventRequest { id })).await?;
    Ok(AsciiJson(()))
}

/// The record of an event that the store has answered.
pub fn record(answered: Event) -> Result<Record, Refusal> {
    let stored = StoredEvent::try_from(answered).map_err(|violations| {
        let message = format!("the events-store answered with an event that is not valid: {violations}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })?;
    Ok(stored.into())
}

fn broken_stream() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the events-store broke its answer off")
}

/// A page on its way from the store.
struct Page {
    steps: Streaming<ListPageResponse>,
    number: i64,
    item_count: u64,
    is_ended: bool,
}

impl Page {
    /// The envelope of the contract, a piece for each message.
    fn into_json(self) -> impl Stream<Item = Result<Bytes, Refusal>> + Send {
        let begin = stream::once(async { Ok(Bytes::from_static(b"{\"results\": [")) });
        let rest = stream::try_unfold(self, |mut page| async move {
            let piece = page.next().await?;
            Ok(piece.map(|piece| (piece, page)))
        });
        futures::StreamExt::chain(begin, rest)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.is_ended {
            return Ok(None);
        }
        match self.steps.message().await?.and_then(|answer| answer.step) {
            Some(Step::Events(events)) => {
                let mut json = Vec::new();
                for event in events.events {
                    if self.item_count > 0 {
                        json.extend_from_slice(b", ");
                    }
                    self.item_count += 1;
                    json.extend(to_ascii_json(&record(event)?));
                }
                Ok(Some(json.into()))
            }
            Some(Step::End(end)) => {
                self.is_ended = true;
                let Self { item_count, number, .. } = self;
                let next_page = end.has_next_page;
                let end =
                    format!("], \"next_page\": {next_page}, \"item_count\": {item_count}, \"page\": {number}}}\n");
                Ok(Some(end.into()))
            }
            None => Err(broken_stream()),
        }
    }
}

/// A deletion under way; it goes no further than it is asked, and stops with a client that goes away.
struct Deletion {
    steps: Streaming<PurgeEventsResponse>,
    count: u64,
    is_ended: bool,
}

impl Deletion {
    /// The list of the deleted ids, a piece for each batch.
    fn into_json(self) -> impl Stream<Item = Result<Bytes, Refusal>> + Send {
        let begin = stream::once(async { Ok(Bytes::from_static(b"[")) });
        let rest = stream::try_unfold(self, |mut deletion| async move {
            let piece = deletion.next().await?;
            Ok(piece.map(|piece| (piece, deletion)))
        });
        futures::StreamExt::chain(begin, rest)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.is_ended {
            return Ok(None);
        }
        let Some(answer) = self.steps.message().await? else {
            self.is_ended = true;
            return Ok(Some(Bytes::from_static(b"]\n")));
        };
        let Some(PurgeStep::Progress(progress)) = answer.step else { return Err(broken_stream()) };
        let mut json = Vec::new();
        for id in progress.deleted_ids {
            if self.count > 0 {
                json.extend_from_slice(b", ");
            }
            self.count += 1;
            json.extend(to_ascii_json(&id));
        }
        Ok(Some(json.into()))
    }
}

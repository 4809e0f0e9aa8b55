//! The gRPC interface: requests in, answers out.

use std::pin::Pin;
use std::sync::Arc;

use accounts::{Caller, caller_of};
use bus::EventPublisher;
use event::{Clock, EventKind, Filter, StoredEvent};
use futures::Stream;
use proto::events::v1;
use proto::events::v1::event_service_server::EventService;
use service::gate::Gate;
use service::grpc_status::bad_field;
use tonic::{Extensions, Request, Response, Status, Streaming};

use crate::EventsTable;
use crate::cursor::Cursor;
use crate::metrics::Metrics;
use crate::numbered_page::NumberedPage;
use crate::page_walks::Walker;
use crate::publish::Publishing;
use crate::purge::{self, Purge};
use crate::status::{bad_fields, database_status, no_such_event};

/// Events on a page where the request does not say.
const PAGE_SIZE: u64 = 100;
/// Most events on a page (contract 3.2).
const PAGE_SIZE_MAX: u64 = 1000;

/// Answers `events.v1.EventService`.
pub struct Service {
    pub gate: Gate<EventsTable>,
    pub publisher: EventPublisher,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
}

#[tonic::async_trait]
impl EventService for Service {
    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        let request = request.into_inner();
        let page_size = page_size(request.page_size)?;
        let filter = filter(request.filter, &caller)?;
        let cursor = match request.page_token.as_str() {
            "" => None,
            token => Some(Cursor::from_page_token(token, &filter).map_err(|error| bad_field("page_token", error))?),
        };
        // One more than asked for tells whether there is a next page.
        let mut found = self.gate.pass()?.list(&filter, cursor, page_size + 1).await.map_err(database_status)?;
        let has_more = found.len() as u64 > page_size;
        found.truncate(usize::try_from(page_size).unwrap_or(usize::MAX));
        let next = found.last().filter(|_| has_more).map(|last| Cursor::after(last).to_page_token(&filter));
        Ok(Response::new(v1::ListEventsResponse {
            events: found.into_iter().map(Into::into).collect(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn get_event(&self, request: Request<v1::GetEventRequest>) -> Result<Response<v1::GetEventResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        let id = request.into_inner().id;
        let Ok(event_id) = id.parse() else { return Err(no_such_event(&id)) };
        let found = self.gate.pass()?.get(&caller.account, event_id).await.map_err(database_status)?;
        let found: StoredEvent = found.ok_or_else(|| no_such_event(&id))?;
        Ok(Response::new(v1::GetEventResponse { event: Some(found.into()) }))
    }

    async fn publish_events(
        &self,
        request: Request<Streaming<v1::PublishEventsRequest>>,
    ) -> Result<Response<v1::PublishEventsResponse>, Status> {
        let caller = writer_of(request.extensions())?;
        let publishing = Publishing::new(&self.publisher, &caller, &self.metrics);
        let ids = publishing.run(request.into_inner()).await?;
        Ok(Response::new(v1::PublishEventsResponse { ids, account: caller.account.to_string() }))
    }

    async fn delete_event(
        &self,
        request: Request<v1::DeleteEventRequest>,
    ) -> Result<Response<v1::DeleteEventResponse>, Status> {
        let caller = writer_of(request.extensions())?;
        let id = request.into_inner().id;
        let Ok(event_id) = id.parse() else { return Err(no_such_event(&id)) };
        let deleted = self.gate.pass()?.delete(&caller.account, event_id, self.clock.now()).await;
        if !deleted.map_err(database_status)? {
            return Err(no_such_event(&id));
        }
        self.metrics.deleted.inc();
        Ok(Response::new(v1::DeleteEventResponse {}))
    }

    type ListPageStream = Pin<Box<dyn Stream<Item = Result<v1::ListPageResponse, Status>> + Send>>;

    async fn list_page(&self, request: Request<v1::ListPageRequest>) -> Result<Response<Self::ListPageStream>, Status> {
        let caller = caller_of(request.extensions())?;
        let request = request.into_inner();
        let page_size = page_size(request.page_size)?;
        if request.page < 1 {
            return Err(bad_field("page", format!("{}, expected a number from 1", request.page)));
        }
        let filter = filter(request.filter, &caller)?;
        let table = self.gate.pass()?.clone();
        let page = NumberedPage {
            walks: table.page_walks(),
            table,
            clock: Arc::clone(&self.clock),
            walker: Walker::new(caller.user.as_str(), &filter, page_size, &request.program, &request.client),
            filter,
            page: request.page,
            page_size,
        };
        Ok(Response::new(Box::pin(page.into_stream().await?)))
    }

    type PurgeEventsStream = Pin<Box<dyn Stream<Item = Result<v1::PurgeEventsResponse, Status>> + Send>>;

    async fn purge_events(
        &self,
        request: Request<v1::PurgeEventsRequest>,
    ) -> Result<Response<Self::PurgeEventsStream>, Status> {
        let caller = writer_of(request.extensions())?;
        let request = request.into_inner();
        let filter = filter(request.filter, &caller)?;
        let table = self.gate.pass()?.clone();
        let below_position = match request.purge_token.as_str() {
            "" => table.next_position().await.map_err(database_status)?,
            token => {
                crate::cursor::from_purge_token(token, &filter).map_err(|error| bad_field("purge_token", error))?
            }
        };
        let stream: Self::PurgeEventsStream = if request.validate_only {
            let preview = purge::preview(&table, &filter, below_position).await.map_err(database_status)?;
            let step = Some(v1::purge_events_response::Step::Preview(preview));
            Box::pin(tokio_stream::once(Ok(v1::PurgeEventsResponse { step })))
        } else {
            let clock = Arc::clone(&self.clock);
            Box::pin(Purge::new(table, filter, below_position, clock, self.metrics.clone()).into_stream())
        };
        Ok(Response::new(stream))
    }

    async fn list_event_types(
        &self,
        _request: Request<v1::ListEventTypesRequest>,
    ) -> Result<Response<v1::ListEventTypesResponse>, Status> {
        let event_types = event::kinds().iter().map(event_type).collect();
        Ok(Response::new(v1::ListEventTypesResponse { event_types }))
    }
}

fn event_type(kind: &EventKind) -> v1::EventType {
    let level = match kind.level {
        event::Level::Info => v1::Level::Info,
        event::Level::Error => v1::Level::Error,
    };
    v1::EventType {
        name: kind.name().to_owned(),
        dotted_name: kind.dotted().unwrap_or_default().to_owned(),
        level: level.into(),
        resource_type: kind.resource_type.to_owned(),
        message: kind.message.to_owned(),
        service: kind.service.unwrap_or_default().to_owned(),
    }
}

fn writer_of(extensions: &Extensions) -> Result<Caller, Status> {
    let caller = caller_of(extensions)?;
    caller.may_write()?;
    Ok(caller)
}

fn filter(sent: Option<v1::EventFilter>, caller: &Caller) -> Result<Filter, Status> {
    proto::check_filter(sent, caller.account.clone()).map_err(|violations| bad_fields(&violations))
}

fn page_size(sent: Option<i32>) -> Result<u64, Status> {
    let Some(size) = sent else { return Ok(PAGE_SIZE) };
    let in_range = u64::try_from(size).ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
    in_range.ok_or_else(|| bad_field("page_size", format!("{size}, expected 1 to {PAGE_SIZE_MAX}")))
}

//! The public doors, as a program with an account meets them.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::EventId;
use proto::events::v1::event_service_client::EventServiceClient;
use proto::events::v1::{
    DeleteEventRequest, Event, EventFilter, ListEventsRequest, PublishEventsRequest, PurgeEventsRequest,
    PurgeEventsResponse, purge_events_response::Step,
};
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::config_file::PASSWORD;

const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// Longer than the server takes for anything that it does while all is well, on a busy machine.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const PAGE_EVENTS: i32 = 1000;

/// A connection that comes back by itself.
#[derive(Clone)]
pub struct Door {
    client: EventServiceClient<Channel>,
    authorization: MetadataValue<Ascii>,
}

/// What a purge has deleted, by its own word.
#[derive(Debug, Default)]
pub struct Purged {
    pub ids: Vec<EventId>,
    /// Whether the call ended well, so that nothing else was deleted.
    pub is_complete: bool,
}

impl Door {
    pub fn new(port: u16, account: &str) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.connect_timeout(CONNECT_WAIT);
        let authorization = format!("Basic {}", STANDARD.encode(format!("{account}:{PASSWORD}"))).parse()?;
        Ok(Self { client: EventServiceClient::new(endpoint.connect_lazy()), authorization })
    }

    /// The IDs of all of `events`, once they are durable.
    pub async fn publish(&mut self, events: Vec<Event>) -> Result<Vec<String>, Status> {
        let requests = events.into_iter().map(|event| PublishEventsRequest { event: Some(event) });
        let stream = futures::stream::iter(requests.collect::<Vec<_>>());
        let request = self.request(stream);
        Ok(answer(self.client.publish_events(request)).await?.ids)
    }

    /// One page, and the token of the next one.
    pub async fn list(
        &mut self,
        filter: Option<EventFilter>,
        page_token: String,
    ) -> Result<(Vec<Event>, String), Status> {
        let request = self.request(ListEventsRequest { filter, page_size: Some(PAGE_EVENTS), page_token });
        let page = answer(self.client.list_events(request)).await?;
        Ok((page.events, page.next_page_token))
    }

    pub async fn delete(&mut self, id: EventId) -> Result<(), Status> {
        let request = self.request(DeleteEventRequest { id: id.to_string() });
        answer(self.client.delete_event(request)).await.map(|_| ())
    }

    /// With a preview first, if so wanted.
    pub async fn purge(&mut self, filter: EventFilter, previews: bool) -> Purged {
        let mut purged = Purged::default();
        let work = async {
            let purge_token = if previews { self.preview(filter.clone()).await? } else { String::new() };
            let request = PurgeEventsRequest { filter: Some(filter), validate_only: false, purge_token };
            let request = self.request(request);
            let mut stream = self.client.purge_events(request).await?.into_inner();
            while let Some(response) = stream.message().await? {
                if let Some(Step::Progress(progress)) = response.step {
                    purged.ids.extend(progress.deleted_ids.iter().filter_map(|id| id.parse::<EventId>().ok()));
                }
            }
            Ok::<_, Status>(())
        };
        purged.is_complete = matches!(timeout(ANSWER_WAIT, work).await, Ok(Ok(())));
        purged
    }

    async fn preview(&mut self, filter: EventFilter) -> Result<String, Status> {
        let request = PurgeEventsRequest { filter: Some(filter), validate_only: true, purge_token: String::new() };
        let request = self.request(request);
        let mut stream: Streaming<PurgeEventsResponse> = self.client.purge_events(request).await?.into_inner();
        match stream.message().await?.and_then(|response| response.step) {
            Some(Step::Preview(preview)) => Ok(preview.purge_token),
            _ => Err(Status::internal("a preview was asked for, and none came")),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }
}

async fn answer<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
    match timeout(ANSWER_WAIT, call).await {
        Ok(result) => result.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}

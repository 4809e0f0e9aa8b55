//! The gRPC interface: requests in, answers out.

use std::sync::Arc;

use accounts::caller_of;
use event::{Clock, EventId};
use oci_registry::ImageReference;
use proto::analyzer::v1;
use proto::analyzer::v1::image_service_server::ImageService;
use service::gate::Gate;
use service::grpc_status::bad_field;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use crate::images::{Images, Job, State};
use crate::intake::QUEUED_MAX;
use crate::page_token::List;
use crate::status::{database_status, no_such_image, queue_is_full};
use crate::wire;

/// Images on a page where the request does not say.
const PAGE_SIZE: u64 = 100;
const PAGE_SIZE_MAX: u64 = 1000;
/// What a name without a tag means.
const TAG_DEFAULT: &str = "latest";

/// Answers `analyzer.v1.ImageService`.
pub struct Service {
    pub gate: Gate<Images>,
    pub clock: Arc<dyn Clock>,
    /// Wakes workers.
    pub news: Arc<Notify>,
}

#[tonic::async_trait]
impl ImageService for Service {
    async fn queue_image(
        &self,
        request: Request<v1::QueueImageRequest>,
    ) -> Result<Response<v1::QueueImageResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        caller.may_write()?;
        let request = request.into_inner();
        let reference: ImageReference = request.reference.parse().map_err(|error| bad_field("reference", error))?;
        let id = match request.request_id.as_str() {
            "" => EventId::generate(),
            id => id.parse().map_err(|_| bad_field("request_id", "expected 32 lower-case hex digits"))?,
        };
        let latest = || TAG_DEFAULT.parse().expect("a tag");
        let tag = reference.tag.or_else(|| reference.digest.is_none().then(latest));
        let now = self.clock.now();
        let job = Job {
            id,
            account: caller.account.clone(),
            repository: reference.repository,
            tag,
            digest: reference.digest,
            insecure: request.insecure,
            requested_at: now,
        };
        let images = self.gate.pass()?;
        let waiting = images.queued().await.map_err(database_status)?;
        if waiting >= QUEUED_MAX {
            return Err(queue_is_full(waiting));
        }
        let image = images.accept(&job, now).await.map_err(database_status)?;
        self.news.notify_waiters();
        // Not of the caller's account, where somebody else has used this very request ID.
        let image = images.get(&caller.account, image).await.map_err(database_status)?;
        let image = image.ok_or_else(|| bad_field("request_id", "in use already, expected a new one"))?;
        Ok(Response::new(v1::QueueImageResponse { image: Some(wire::image(image)) }))
    }

    async fn list_images(
        &self,
        request: Request<v1::ListImagesRequest>,
    ) -> Result<Response<v1::ListImagesResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        let request = request.into_inner();
        let page_size = page_size(request.page_size)?;
        let states = states(&request.states)?;
        let list = List { account: caller.account.as_str(), states: &states };
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(list.place(token).map_err(|error| bad_field("page_token", error))?),
        };
        let images = self.gate.pass()?;
        // One more than asked for tells whether there is a next page.
        let found = images.list(&caller.account, &states, after, page_size + 1).await;
        let mut found = found.map_err(database_status)?;
        let has_more = found.len() as u64 > page_size;
        found.truncate(usize::try_from(page_size).unwrap_or(usize::MAX));
        let next = found.last().filter(|_| has_more).map(|last| list.token(last.requested_at, last.id));
        let images = found.into_iter().map(wire::image).collect();
        Ok(Response::new(v1::ListImagesResponse { images, next_page_token: next.unwrap_or_default() }))
    }

    async fn get_image(&self, request: Request<v1::GetImageRequest>) -> Result<Response<v1::GetImageResponse>, Status> {
        let caller = caller_of(request.extensions())?;
        let id = request.into_inner().id;
        let Ok(image_id) = id.parse() else { return Err(no_such_image(&id)) };
        let found = self.gate.pass()?.get(&caller.account, image_id).await.map_err(database_status)?;
        let found = found.ok_or_else(|| no_such_image(&id))?;
        Ok(Response::new(v1::GetImageResponse { image: Some(wire::image(found)) }))
    }
}

fn page_size(sent: Option<i32>) -> Result<u64, Status> {
    let Some(size) = sent else { return Ok(PAGE_SIZE) };
    let in_range = u64::try_from(size).ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
    in_range.ok_or_else(|| bad_field("page_size", format!("{size}, expected 1 to {PAGE_SIZE_MAX}")))
}

fn states(sent: &[i32]) -> Result<Vec<State>, Status> {
    let states = sent.iter().map(|&number| v1::State::try_from(number).ok().and_then(wire::state_from_proto));
    let states: Option<Vec<State>> = states.collect();
    let mut states = states.ok_or_else(|| bad_field("states", "not a state"))?;
    // A repeated one says nothing more, and bounds the list.
    states.sort_by_key(|state| state.as_str());
    states.dedup();
    Ok(states)
}

//! The gRPC interface: requests in, answers out.

mod deliveries;
mod endpoints;
mod explain;

use std::sync::{Arc, OnceLock};

use accounts::{Caller, Role, caller_of};
use database::DatabaseError;
use event::{Clock, Source};
use proto::notifier::v1;
use proto::notifier::v1::notifier_service_server::NotifierService;
use service::grpc_status::unavailable;
use service::readiness::Readiness;
use tokio::sync::Notify;
use tonic::{Extensions, Request, Response, Status};
use webhook::Vetting;

use crate::deliveries::Deliveries;
use crate::endpoint::Endpoint;
use crate::endpoints::Endpoints;
use crate::ledger::Ledger;
use crate::notifier::SERVICE;
use crate::states::States;
use crate::status::{database_status, no_such};

/// Answers `notifier.v1.NotifierService`.
#[derive(Clone)]
pub struct Service {
    pub endpoints: Endpoints,
    pub deliveries: Deliveries,
    pub states: States,
    pub ledger: Ledger,
    pub vetting: Vetting,
    pub clock: Arc<dyn Clock>,
    pub source: Source,
    pub notices: Arc<[String]>,
    pub kept: std::time::Duration,
    /// Woken when something has become due.
    pub due: Arc<Notify>,
    pub gate: Gate,
}

/// Requests wait outside until the tables exist.
#[derive(Clone)]
pub struct Gate {
    is_open: Arc<OnceLock<()>>,
    readiness: Readiness,
}

impl Gate {
    pub fn new(readiness: Readiness) -> Self {
        Self { is_open: Arc::default(), readiness }
    }

    /// Lets requests through from now on.
    pub fn open(&self) {
        // Opened once, by the one who prepared the tables.
        let _ = self.is_open.set(());
    }

    fn pass(&self) -> Result<(), Status> {
        if self.is_open.get().is_some() {
            return Ok(());
        }
        let reasons = self.readiness.reasons(SERVICE).unwrap_or_default();
        Err(unavailable(format!("the notifier is not ready: {}", reasons.join("; "))))
    }
}

impl Service {
    fn caller(&self, extensions: &Extensions) -> Result<Caller, Status> {
        let caller = caller_of(extensions)?;
        self.gate.pass()?;
        Ok(caller)
    }

    fn writer(&self, extensions: &Extensions) -> Result<Caller, Status> {
        let caller = self.caller(extensions)?;
        caller.may_write()?;
        Ok(caller)
    }

    /// The endpoint that the caller means by `name`.
    async fn endpoint(&self, caller: &Caller, name: &str) -> Result<Arc<Endpoint>, Status> {
        let known = self.endpoints.refresh(self.clock.now()).await.map_err(database_status)?;
        known.find(&caller.account, name).cloned().ok_or_else(|| no_such("endpoint", name))
    }

    /// The endpoint as `caller` may see it.
    async fn shown(&self, caller: &Caller, endpoint: &Endpoint) -> Result<v1::Endpoint, DatabaseError> {
        let kept = self.states.get(&endpoint.key).await?;
        let keys = [endpoint.key.clone()];
        let counts = self.deliveries.counts(&keys, only_own(caller)).await?.remove(&endpoint.key).unwrap_or_default();
        Ok(crate::conversion::endpoint_to_proto(endpoint, may_see_path(caller, endpoint), kept.as_ref(), counts))
    }
}

/// The path of a URL may be what gives a right to write there.
fn may_see_path(caller: &Caller, endpoint: &Endpoint) -> bool {
    endpoint.rule.account.is_some() || caller.role == Role::Admin
}

/// Whose deliveries are counted: an admin sees what an endpoint has to do in all.
fn only_own(caller: &Caller) -> Option<&event::AccountName> {
    (caller.role != Role::Admin).then_some(&caller.account)
}

#[tonic::async_trait]
impl NotifierService for Service {
    async fn list_endpoints(
        &self,
        request: Request<v1::ListEndpointsRequest>,
    ) -> Result<Response<v1::ListEndpointsResponse>, Status> {
        let caller = self.caller(request.extensions())?;
        self.answer_list_endpoints(&caller).await.map(Response::new)
    }

    async fn get_endpoint(
        &self,
        request: Request<v1::GetEndpointRequest>,
    ) -> Result<Response<v1::GetEndpointResponse>, Status> {
        let caller = self.caller(request.extensions())?;
        let endpoint = self.endpoint(&caller, &request.into_inner().name).await?;
        let endpoint = Some(self.shown(&caller, &endpoint).await.map_err(database_status)?);
        Ok(Response::new(v1::GetEndpointResponse { endpoint }))
    }

    async fn create_endpoint(
        &self,
        request: Request<v1::CreateEndpointRequest>,
    ) -> Result<Response<v1::CreateEndpointResponse>, Status> {
        let caller = self.writer(request.extensions())?;
        self.create(&caller, request.into_inner()).await.map(Response::new)
    }

    async fn update_endpoint(
        &self,
        request: Request<v1::UpdateEndpointRequest>,
    ) -> Result<Response<v1::UpdateEndpointResponse>, Status> {
        let caller = self.writer(request.extensions())?;
        self.update(&caller, request.into_inner()).await.map(Response::new)
    }

    async fn delete_endpoint(
        &self,
        request: Request<v1::DeleteEndpointRequest>,
    ) -> Result<Response<v1::DeleteEndpointResponse>, Status> {
        let caller = self.writer(request.extensions())?;
        self.delete(&caller, &request.into_inner().name).await.map(Response::new)
    }

    async fn test_endpoint(
        &self,
        request: Request<v1::TestEndpointRequest>,
    ) -> Result<Response<v1::TestEndpointResponse>, Status> {
        let caller = self.writer(request.extensions())?;
        self.test(&caller, &request.into_inner().name).await.map(Response::new)
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let caller = self.caller(request.extensions())?;
        self.answer_list_deliveries(&caller, request.into_inner()).await.map(Response::new)
    }

    async fn get_delivery(
        &self,
        request: Request<v1::GetDeliveryRequest>,
    ) -> Result<Response<v1::GetDeliveryResponse>, Status> {
        let caller = self.caller(request.extensions())?;
        let delivery = self.delivery(&caller, &request.into_inner().id).await?;
        let attempts = self.deliveries.attempts(&delivery).await.map_err(database_status)?;
        let delivery = Some(crate::conversion::delivery_to_proto(&delivery, &attempts, true));
        Ok(Response::new(v1::GetDeliveryResponse { delivery }))
    }

    async fn redeliver(
        &self,
        request: Request<v1::RedeliverRequest>,
    ) -> Result<Response<v1::RedeliverResponse>, Status> {
        let caller = self.writer(request.extensions())?;
        self.answer_redeliver(&caller, request.into_inner()).await.map(Response::new)
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Result<Response<v1::ExplainResponse>, Status> {
        let caller = self.caller(request.extensions())?;
        self.answer_explain(&caller, request.into_inner()).await.map(Response::new)
    }
}

//! The REST interface (contract 3): [`routes`] is the table of what there is, each other file a part of it.

mod about;
mod events;
mod long_answer;
mod openapi;
mod publish;
mod routes;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use proto::events::v1::ListEventTypesRequest;
use proto::events::v1::event_service_client::EventServiceClient;
use service::readiness::Readiness;
use tonic::transport::Channel;

use crate::caller::Caller;
use crate::refusal::Refusal;

/// What the routes stand on.
#[derive(Clone)]
pub struct Rest {
    pub events: EventServiceClient<Channel>,
    pub readiness: Readiness,
}

impl Rest {
    /// Whether the store takes the caller's credentials. The cheapest call there is: it reads no table.
    async fn check_access(&self, caller: &Caller) -> Result<(), Refusal> {
        let mut events = self.events.clone();
        events.list_event_types(caller.request(ListEventTypesRequest {})).await?;
        Ok(())
    }

    /// The refusal of a request that is wrong in itself. Who has no access is told that first, and nothing else.
    async fn refuse(&self, caller: &Caller, refusal: impl Into<Refusal>) -> Refusal {
        self.check_access(caller).await.err().unwrap_or_else(|| refusal.into())
    }
}

/// Every route, with and without a slash at its end (contract 3).
pub fn router(rest: Rest) -> Router {
    let mut router = Router::new();
    for route in routes::ROUTES {
        for operation in route.operations {
            router = router.route(route.path, (operation.handler)());
            if route.path != "/" {
                router = router.route(&format!("{}/", route.path), (operation.handler)());
            }
        }
    }
    router.method_not_allowed_fallback(other_method).with_state(rest)
}

/// The router adds the header `Allow`.
async fn other_method(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let message = format!("the method {} is not allowed at `{}`", request.method(), request.uri().path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response()
}

/// For whatever is no route.
pub fn no_such_route(request: &Request) -> Response {
    let path: String = request.uri().path().chars().take(128).collect();
    let message = format!("no route `{} {path}` here; /v1/openapi.json lists those that there are", request.method());
    Refusal::new(StatusCode::NOT_FOUND, message).into_response()
}

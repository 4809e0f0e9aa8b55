//! Credentials in front of a gRPC service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Extensions, Status};
use tower::Service;

use crate::{ACCOUNT_HEADER, Accounts, Caller, Refusal};

/// A gRPC service that only callers with right credentials reach; it finds the [`Caller`] by [`caller_of`].
#[derive(Clone)]
pub struct Authenticated<S> {
    service: S,
    accounts: Accounts,
}

impl<S> Authenticated<S> {
    pub fn new(service: S, accounts: Accounts) -> Self {
        Self { service, accounts }
    }
}

impl<S: NamedService> NamedService for Authenticated<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Authenticated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The clone that was polled ready is the one to call.
        let fresh = self.service.clone();
        let mut service = std::mem::replace(&mut self.service, fresh);
        let accounts = self.accounts.clone();
        Box::pin(async move {
            let headers = request.headers();
            match accounts.authenticate(text(headers, "authorization"), text(headers, ACCOUNT_HEADER)).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    service.call(request).await
                }
                Err(refusal) => Ok(Status::from(refusal).into_http()),
            }
        })
    }
}

/// The caller of a request that came through [`Authenticated`].
pub fn caller_of(extensions: &Extensions) -> Result<Caller, Status> {
    extensions.get().cloned().ok_or_else(|| Status::internal("the service is served without a check of credentials"))
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthenticated(_) => Self::unauthenticated(refusal.to_string()),
            Refusal::Forbidden(_) => Self::permission_denied(refusal.to_string()),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

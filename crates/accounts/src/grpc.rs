//! Credentials in front of a gRPC service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use service::client_address::ClientAddress;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Extensions, Status};
use tonic_types::{ErrorDetails, StatusExt};
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
            let client = ClientAddress::of(request.extensions(), headers);
            // Never as if it were not there: the caller would act for another account than it meant to.
            let Ok(account) = headers.get(ACCOUNT_HEADER).map(HeaderValue::to_str).transpose() else {
                return Ok(Status::from(unreadable_account()).into_http());
            };
            let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
            match accounts.authenticate(authorization, account, &client).await {
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
            Refusal::TooManyFailures { wait } => {
                let details = ErrorDetails::with_retry_info(Some(wait));
                Self::with_error_details(Code::ResourceExhausted, refusal.to_string(), details)
            }
        }
    }
}

fn unreadable_account() -> Refusal {
    Refusal::Forbidden(format!("{ACCOUNT_HEADER}: expected the name of an account, got other characters than ASCII"))
}

//! `POST /v1/registry-notifications`: where registries tell what was pushed to them, so that asking them every now and
//! then is only what is left when they do not.

use accounts::{Accounts, Caller, Refusal, Role};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Parts;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use service::client_address::ClientAddress;
use subtle::ConstantTimeEq;
use tracing::{debug, warn};

use crate::Metrics;
use crate::metrics::NotificationResult;
use crate::notification::{self, NotificationError};
use crate::roster::Roster;

/// Where registries send their notifications.
pub const NOTIFICATIONS_PATH: &str = "/v1/registry-notifications";
/// Largest envelope, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What the door needs.
#[derive(Clone)]
pub(crate) struct NotificationDoor {
    pub(crate) roster: Roster,
    pub(crate) accounts: Accounts,
    /// A bearer secret that stands for the registry itself.
    pub(crate) token: Option<SecretString>,
    pub(crate) metrics: Metrics,
}

/// Whose watches a notification may wake.
enum Sender {
    /// A registry with the configured secret.
    Registry,
    /// Whoever has an account.
    Account(Caller),
}

struct Refused {
    status: StatusCode,
    message: String,
}

pub(crate) fn router(door: NotificationDoor) -> Router {
    Router::new().route(NOTIFICATIONS_PATH, post(take)).with_state(door)
}

async fn take(State(door): State<NotificationDoor>, request: Request) -> Response {
    let taken = door.take(request).await;
    let (result, response) = match taken {
        Ok(0) => (NotificationResult::Unwatched, taken_response(0)),
        Ok(woken) => (NotificationResult::Taken, taken_response(woken)),
        Err(refused) => {
            let is_unauthorized = refused.status == StatusCode::UNAUTHORIZED;
            warn!(http_status = refused.status.as_u16(), reason = refused.message, "refused a registry's notification");
            let result = if is_unauthorized { NotificationResult::Unauthorized } else { NotificationResult::Refused };
            (result, refused.into_response())
        }
    };
    door.metrics.count_notification(result);
    response
}

/// The lookups come later: whoever tells that something was pushed need not wait for them.
fn taken_response(woken: usize) -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "woken": woken }))).into_response()
}

impl NotificationDoor {
    /// Returns how many watches were woken.
    async fn take(&self, request: Request) -> Result<usize, Refused> {
        let (parts, body) = request.into_parts();
        let sender = self.sender(&parts).await?;
        let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Refused {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            message: format!("the body cannot be read whole, expected at most {BODY_BYTES_MAX} bytes"),
        })?;
        let hints = notification::read(&parts.headers, &body).map_err(|error| Refused {
            status: match error {
                NotificationError::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ => StatusCode::BAD_REQUEST,
            },
            message: error.to_string(),
        })?;
        let mut woken = 0;
        for hint in hints {
            let posts = self.roster.find(hint.registry.as_ref(), &hint.path);
            for post in posts.iter().filter(|post| sender.may_wake(&post.watch.key.account)) {
                match (&post.watch.key.tag, &hint.tag) {
                    (Some(watched), Some(pushed)) if watched != pushed => continue,
                    // The one tag that is watched may be the one that is gone.
                    (Some(watched), None) => post.nudge(watched.clone(), None),
                    (_, Some(pushed)) => post.nudge(pushed.clone(), hint.digest.clone()),
                    (None, None) => post.nudge_listing(),
                }
                debug!(watch = %post.watch.key, "a registry tells of a change");
                woken += 1;
            }
        }
        Ok(woken)
    }

    async fn sender(&self, request: &Parts) -> Result<Sender, Refused> {
        let authorization = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let (Some(token), Some(given)) = (&self.token, authorization.and_then(bearer)) {
            let is_right = bool::from(token.expose_secret().as_bytes().ct_eq(given.as_bytes()));
            return if is_right { Ok(Sender::Registry) } else { Err(Refused::unauthorized("a wrong token")) };
        }
        let client = ClientAddress::of(&request.extensions, &request.headers);
        let caller = self.accounts.authenticate(authorization, None, &client).await;
        let caller = caller.map_err(|refusal| match refusal {
            Refusal::TooManyFailures { .. } => {
                Refused { status: StatusCode::TOO_MANY_REQUESTS, message: refusal.to_string() }
            }
            _ => Refused::unauthorized(&refusal.to_string()),
        })?;
        let may_write = caller.may_write();
        may_write.map_err(|refusal| Refused { status: StatusCode::FORBIDDEN, message: refusal.to_string() })?;
        Ok(Sender::Account(caller))
    }
}

impl Sender {
    fn may_wake(&self, account: &event::AccountName) -> bool {
        match self {
            Self::Registry => true,
            Self::Account(caller) => caller.role == Role::Admin || caller.account == *account,
        }
    }
}

impl Refused {
    fn unauthorized(problem: &str) -> Self {
        let message =
            format!("{problem}, or `Bearer` with the token of services.catalog.notifications where one is configured");
        Self { status: StatusCode::UNAUTHORIZED, message }
    }
}

/// The contract's error object (3.6).
impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Json(json!({ "message": self.message, "httpcode": self.status.as_u16(), "detail": {} }));
        if self.status == StatusCode::UNAUTHORIZED {
            return (self.status, [(WWW_AUTHENTICATE, "Basic realm=\"anchore-events\"")], body).into_response();
        }
        (self.status, body).into_response()
    }
}

/// RFC 6750, section 2.1.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

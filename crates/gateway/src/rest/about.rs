//! What is not about single events: whether somebody is there, which release, which types, and the OpenAPI document.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use event::{Category, EventKind, Subcategory};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Rest, openapi};
use crate::ascii_json::AsciiJson;
use crate::caller::Caller;
use crate::gateway::SERVICE;
use crate::refusal::Refusal;

/// `GET /v1`: every client asks it before each command. Right credentials are demanded here, as old servers did, so that
/// a wrong password fails in this step. Whether the caller may act for another account is answered where it does, with a
/// reason that clients show.
pub async fn show_access(State(rest): State<Rest>, caller: Caller) -> Result<AsciiJson<&'static str>, Refusal> {
    rest.check_access(&caller.for_own_account()).await?;
    Ok(AsciiJson("v1"))
}

/// `GET /health`: 200 when every peer is well, 503 with the reasons when not; needs no credentials (contract 3.1).
pub async fn show_health(State(rest): State<Rest>) -> Response {
    let reasons = rest.readiness.reasons(SERVICE).unwrap_or_default();
    if reasons.is_empty() {
        return AsciiJson(json!({ "status": "ok" })).into_response();
    }
    let body = json!({ "status": "not ready", "reasons": reasons });
    (StatusCode::SERVICE_UNAVAILABLE, AsciiJson(body)).into_response()
}

/// `GET /version`: needs no credentials (contract 3.1). The schema of the database is that of the release.
pub async fn show_version() -> AsciiJson<Value> {
    let version = env!("CARGO_PKG_VERSION");
    AsciiJson(json!({ "service": { "version": version }, "api": {}, "db": { "schema_version": version } }))
}

/// `GET /v1/event_types`: any user (contract 3.5).
pub async fn list_event_types(State(rest): State<Rest>, caller: Caller) -> Result<AsciiJson<Vec<Value>>, Refusal> {
    rest.check_access(&caller.for_own_account()).await?;
    Ok(AsciiJson(event::categories().iter().map(category).collect()))
}

/// `GET /v1/openapi.json`
pub async fn show_openapi() -> AsciiJson<Value> {
    AsciiJson(openapi::document())
}

fn category(Category { name, description, subcategories }: &Category) -> Value {
    let subcategories: Vec<Value> = subcategories.iter().map(subcategory).collect();
    json!({ "name": name, "description": description, "subcategories": subcategories })
}

fn subcategory(Subcategory { name, description, kinds }: &Subcategory) -> Value {
    let events: Vec<Value> = kinds.iter().filter_map(|kind| event_type(kind)).collect();
    json!({ "name": name, "description": description, "events": events })
}

/// Its name is what comes after category and subcategory.
fn event_type(kind: &EventKind) -> Option<Value> {
    let dotted = kind.dotted()?;
    let name = dotted.splitn(3, '.').nth(2)?;
    Some(json!({ "name": name, "type": dotted, "message": kind.message, "resource_type": kind.resource_type }))
}

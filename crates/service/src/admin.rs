//! The admin door of a process: `/metrics` for Prometheus, `/livez` and `/readyz` for probes. It needs no credentials
//! and tells no secrets.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::routing::get;
use http::{StatusCode, header};
use prometheus_client::registry::Registry;

use crate::readiness::Readiness;

/// The port unless another is configured (design 3.2).
pub const ADMIN_PORT: u16 = 9102;

#[derive(Clone)]
struct Admin {
    metrics: Arc<Mutex<Registry>>,
    readiness: Readiness,
}

pub fn router(metrics: Arc<Mutex<Registry>>, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(show_metrics))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(show_readiness))
        .with_state(Admin { metrics, readiness })
}

async fn show_metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let mut text = String::new();
    let registry = admin.metrics.lock().expect("nothing panics while it is held");
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => {
            let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, content)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Debug, serde::Deserialize)]
struct ReadinessQuery {
    /// One service; absent: all of this process.
    service: Option<String>,
}

/// 200 when ready, 503 when not; one line a service, with what it waits for.
async fn show_readiness(State(admin): State<Admin>, Query(query): Query<ReadinessQuery>) -> impl IntoResponse {
    let services = match &query.service {
        Some(service) => vec![service.as_str()],
        None => admin.readiness.services(),
    };
    let mut status = StatusCode::OK;
    let mut lines = Vec::new();
    for service in services {
        let line = match admin.readiness.reasons(service) {
            Some(reasons) if reasons.is_empty() => "ready".to_owned(),
            Some(reasons) => format!("not ready: {}", reasons.join("; ")),
            None => "not ready: this process does not run it".to_owned(),
        };
        if line != "ready" {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        lines.push(format!("{service}: {line}\n"));
    }
    (status, lines.concat())
}

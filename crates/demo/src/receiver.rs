//! The receiver of webhooks: prints what it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::StatusCode;
use serde_json::Value;

pub fn router() -> Router {
    Router::new().fallback(post(take)).with_state(Arc::default())
}

/// Takes a notification. The very first is refused once, so that `anchore-cli webhook deliveries` has something to tell.
async fn take(State(has_refused): State<Arc<AtomicBool>>, body: String) -> StatusCode {
    if !has_refused.swap(true, Ordering::Relaxed) {
        println!("refused one with 503, to see it again\n");
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match serde_json::from_str::<Value>(&body) {
        Ok(notification) => println!("{}\n{notification:#}\n", headline(&notification)),
        Err(_) => println!("{body}\n"),
    }
    StatusCode::NO_CONTENT
}

/// Level, type and resource of the event that a notification is about.
fn headline(notification: &Value) -> String {
    let event = &notification["data"]["notification_payload"]["event"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", text(&event["level"]), text(&event["type"]), text(&event["resource"]["id"]))
}

//! The feed server: files as they are, and what is not there is not found.

use std::path::{Component, Path, PathBuf};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, Uri};

pub fn router(folder: PathBuf) -> Router {
    Router::new().fallback(get(answer)).with_state(folder)
}

async fn answer(State(folder): State<PathBuf>, uri: Uri) -> Response {
    let relative = Path::new(uri.path().trim_start_matches('/'));
    // Nothing but plain names, so that no path leads out of the folder.
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match tokio::fs::read(folder.join(relative)).await {
        Ok(content) => ([("content-type", "application/json")], content).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "no such feed here\n").into_response(),
    }
}

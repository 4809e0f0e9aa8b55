//! `CloudEvents` (version 1.0) of registries: Harbor's, zot's, and those of registries that put an event of Distribution
//! into one.

use serde_json::Value;

use super::{Hint, NotificationError, bounded, digest, distribution, hint_of_reference, text};

/// One event in the structured form.
pub(super) fn structured(event: &Value) -> Result<Vec<Hint>, NotificationError> {
    text(event, "specversion").ok_or(NotificationError::NoEnvelope("it has no `specversion`"))?;
    let event_type = text(event, "type").ok_or(NotificationError::NoEnvelope("it has no `type`"))?;
    Ok(data(event_type, &event["data"]))
}

/// Several events in one body.
pub(super) fn batch(events: &Value) -> Result<Vec<Hint>, NotificationError> {
    let mut hints = Vec::new();
    for event in bounded(events, "it is no list")? {
        hints.extend(structured(event)?);
    }
    Ok(hints)
}

/// What the data of an event of `event_type` tells about tags.
pub(super) fn data(event_type: &str, data: &Value) -> Vec<Hint> {
    match event_type {
        "harbor.artifact.pushed" => harbor(data, true),
        "harbor.artifact.deleted" => harbor(data, false),
        "zotregistry.image.updated" => zot(data, true).into_iter().collect(),
        "zotregistry.image.deleted" => zot(data, false).into_iter().collect(),
        _ => distribution::event(data).into_iter().collect(),
    }
}

/// `{"resources": [{"tag", "resource_url": "host/path:tag"}], "repository": {"repo_full_name"}}`.
fn harbor(data: &Value, is_push: bool) -> Vec<Hint> {
    let path = text(&data["repository"], "repo_full_name");
    let resources = data["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let hint = |resource: &Value| {
        let named = text(resource, "resource_url").and_then(hint_of_reference);
        let registry = named.as_ref().and_then(|hint| hint.registry.clone());
        let tag = text(resource, "tag").and_then(|tag| tag.parse().ok()).filter(|_| is_push);
        let path = path.map(str::to_owned).or(named.map(|hint| hint.path))?;
        let digest = tag.as_ref().and_then(|_| digest(resource));
        Some(Hint { registry, path, tag, digest })
    };
    resources.iter().filter_map(hint).collect()
}

/// `{"name": "team/app", "reference": "1.0", "digest", ...}`; the reference may be a digest.
fn zot(data: &Value, is_push: bool) -> Option<Hint> {
    let tag = text(data, "reference").and_then(|reference| reference.parse().ok()).filter(|_| is_push);
    let digest = tag.as_ref().and_then(|_| digest(data));
    Some(Hint { registry: None, path: text(data, "name")?.to_owned(), tag, digest })
}

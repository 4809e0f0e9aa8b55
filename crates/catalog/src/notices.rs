//! What the catalog has to say, in the words of the catalogue of events.

use bus::AnalysisJob;
use cause::{Cause, CauseCode};
use emitter::Notice;
use event::{Details, EventKind};
use oci_registry::{Digest, TagName};
use serde_json::{Value, json};

use crate::WatchKey;
use crate::lookup::NewManifest;

/// How much of a manifest stands in the contract's own member of an event, in bytes; the evidence beside it has more.
const MANIFEST_BYTES_MAX: usize = 512;

/// The tags of a repository cannot be listed.
pub(crate) fn not_listed(key: &WatchKey, cause: Cause) -> Notice {
    notice("list_tags_fail", key, key.repository.to_string(), cause.into_details())
}

/// What a tag means cannot be looked up, for a reason that is not the tag's own.
pub(crate) fn not_looked_up(key: &WatchKey, tag: &TagName, cause: Cause) -> Notice {
    notice("system.image_analysis.registry_lookup_failed", key, key.tag_name(tag), cause.into_details())
}

/// The manifest behind a tag cannot be used. Beside the cause stands the error object of the contract (2.2).
pub(crate) fn not_usable(key: &WatchKey, tag: &TagName, cause: Cause) -> Notice {
    let full_tag = key.tag_name(tag);
    let cause = if cause.code() == CauseCode::NotFound {
        cause.with_evidence("TagManifestNotFoundError", json!({"tag": full_tag, "msg": "No manifest for the tag"}))
    } else {
        let manifest =
            cause.evidence("body").and_then(Value::as_str).map(|body| cause::truncated(body, MANIFEST_BYTES_MAX));
        let error = json!({
            "cause": cause.summary(), "tag": full_tag, "manifest": manifest, "msg": "Failed to parse the manifest",
        });
        cause.with_evidence("TagManifestParseError", error)
    };
    notice("tag_manifest_parse_fail", key, full_tag, cause.into_details())
}

/// A tag is new, or means something new; `job` is the analysis that was asked for.
pub(crate) fn changed(
    key: &WatchKey,
    tag: &TagName,
    before: Option<&Digest>,
    is_new: bool,
    manifest: &NewManifest,
    job: Option<&AnalysisJob>,
) -> Notice {
    let details = json!({
        "tag": tag.as_str(),
        "old_digest": before.map(Digest::as_str),
        "new_digest": manifest.digest.as_str(),
        "media_type": manifest.media_type,
        "content": manifest.kind.as_str(),
        "analysis_job": job.map(|job| job.id.to_string()),
    });
    let kind = if is_new { "tag_add" } else { "tag_update" };
    notice(kind, key, key.tag_name(tag), Details::from_value(&details))
}

/// A tag is gone.
pub(crate) fn gone(key: &WatchKey, tag: &TagName, before: Option<&Digest>) -> Notice {
    let details = json!({"tag": tag.as_str(), "old_digest": before.map(Digest::as_str), "new_digest": null});
    notice("tag_delete", key, key.tag_name(tag), Details::from_value(&details))
}

fn notice(kind: &str, key: &WatchKey, resource_id: String, details: Details) -> Notice {
    let kind: &'static EventKind = event::lookup(kind).expect("the catalogue of events has it");
    Notice { kind, account: key.account.clone(), resource_id: Some(resource_id), details }
}

//! The forms of bodies: the contract's, as JSON Schema.

use event::{BASE_URL_BYTES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, RESOURCE_ID_BYTES_MAX, TYPE_BYTES_MAX};
use serde_json::{Value, json};

use crate::rest::publish::EVENTS_MAX;

/// Years 1 to 9999; without a fraction for a whole second (contract 1.1).
const TIME: &str = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?Z$";
const ID: &str = "^[0-9a-f]{32}$";
/// Empty is the same as absent.
const ID_OR_NONE: &str = "^([0-9a-f]{32})?$";

pub fn schemas() -> Value {
    let mut schemas = answers();
    let more = [published(), refusals()];
    for (name, schema) in more.into_iter().filter_map(|schemas| schemas.as_object().cloned()).flatten() {
        schemas[name] = schema;
    }
    schemas
}

/// An object all of whose members are there, and no others.
fn object(members: &Value) -> Value {
    let required: Vec<&String> = members.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": members })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list_of(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn answers() -> Value {
    let text = json!({ "type": "string" });
    let text_or_null = json!({ "type": ["string", "null"] });
    let id = json!({ "type": "string", "pattern": ID });
    let time = json!({ "type": "string", "pattern": TIME });
    let event = object(&json!({
        "type": text,
        "level": { "enum": ["INFO", "ERROR"] },
        "message": text,
        "details": { "type": "object" },
        "timestamp": time,
        "resource": object(&json!({ "user_id": text, "type": text_or_null, "id": text_or_null })),
        "source": object(&json!({
            "servicename": text_or_null, "hostid": text_or_null, "base_url": text_or_null, "request_id": text_or_null,
        })),
    }));
    let type_of_event = object(&json!({ "name": text, "type": text, "message": text, "resource_type": text }));
    let subcategory = object(&json!({ "name": text, "description": text, "events": list_of(&type_of_event) }));
    json!({
        "Text": text,
        "Nothing": { "type": "null" },
        "Object": { "type": "object" },
        "Ids": list_of(&id),
        "Event": event,
        "Record": object(&json!({ "generated_uuid": id, "created_at": time, "event": reference("Event") })),
        "DurableRecord": object(&json!({
            "generated_uuid": id,
            "created_at": { "type": ["string", "null"], "pattern": TIME },
            "event": reference("Event"),
        })),
        "Publication": { "oneOf": [reference("DurableRecord"), list_of(&reference("DurableRecord"))] },
        "Page": object(&json!({
            "results": list_of(&reference("Record")),
            "next_page": { "type": "boolean" },
            "item_count": { "type": "integer", "minimum": 0, "maximum": 1000 },
            "page": { "type": "integer", "minimum": 1 },
        })),
        "Categories": list_of(&object(&json!({ "name": text, "description": text, "subcategories": list_of(&subcategory) }))),
        "Version": object(&json!({
            "service": object(&json!({ "version": text })),
            "api": { "type": "object" },
            "db": object(&json!({ "schema_version": text })),
        })),
        "Health": {
            "type": "object", "required": ["status"],
            "properties": { "status": { "enum": ["ok", "not ready"] }, "reasons": list_of(&text) },
        },
    })
}

/// What may be published. Lengths are those in characters; the bounds are in bytes, so longer ones are refused earlier.
fn published() -> Value {
    let text = |length: usize| json!({ "type": ["string", "null"], "maxLength": length });
    let required = |length: usize| json!({ "type": "string", "minLength": 1, "maxLength": length });
    let event = json!({
        "type": "object",
        "required": ["type", "level", "message", "timestamp"],
        "additionalProperties": false,
        "properties": {
            "generated_uuid": { "type": ["string", "null"], "pattern": ID_OR_NONE },
            "type": required(TYPE_BYTES_MAX),
            "level": { "type": "string", "pattern": "^([Ii][Nn][Ff][Oo]|[Ee][Rr][Rr][Oo][Rr])$" },
            "message": required(MESSAGE_BYTES_MAX),
            "timestamp": {
                "type": "string",
                "minLength": 1,
                "description": "A date or a time; UTC without an offset",
                "examples": ["2018-06-30T03:56:27.711071"],
            },
            "details": { "description": "Any JSON; what is no object is wrapped as `{\"msg\": ...}`" },
            "category": {},
            "resource": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "user_id": text(event::AccountName::BYTES_MAX),
                    "type": text(NAME_BYTES_MAX),
                    "id": text(RESOURCE_ID_BYTES_MAX),
                },
            },
            "source": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "servicename": text(NAME_BYTES_MAX),
                    "hostid": text(NAME_BYTES_MAX),
                    "base_url": text(BASE_URL_BYTES_MAX),
                    "request_id": text(NAME_BYTES_MAX),
                },
            },
        },
    });
    json!({
        "PublishedEvent": event,
        "Published": {
            "description": "One event, a whole record of one, or a list of either",
            "anyOf": [
                reference("PublishedEvent"),
                reference("PublishedRecord"),
                {
                    "type": "array", "maxItems": EVENTS_MAX,
                    "items": { "anyOf": [reference("PublishedEvent"), reference("PublishedRecord")] },
                },
            ],
        },
        "PublishedRecord": {
            "type": "object",
            "required": ["event"],
            "additionalProperties": false,
            "properties": {
                "generated_uuid": { "type": ["string", "null"], "pattern": ID_OR_NONE },
                "created_at": { "description": "Not read" },
                "event": reference("PublishedEvent"),
            },
        },
    })
}

fn refusals() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "Error": object(&json!({
            "message": text,
            "httpcode": { "type": "integer" },
            "detail": { "type": "object", "required": ["error_codes"], "properties": { "error_codes": list_of(&text) } },
        })),
        "Problem": object(&json!({ "detail": text, "status": { "const": 400 }, "title": text, "type": text })),
    })
}

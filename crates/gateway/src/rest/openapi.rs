//! The OpenAPI 3.1 document, from the table of routes and that of the parameters.

mod schemas;

use serde_json::{Map, Value, json};

use super::routes::{Access, Operation, ROUTES, Route};
use crate::caller::ACCOUNT_HEADER;
use crate::wire::{Kind, Parameter};
use event::TypePattern;

pub fn document() -> Value {
    let paths: Map<String, Value> = ROUTES.iter().map(|route| (route.path.to_owned(), path_item(route))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "The event log",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What failed, why, since when. Every path is answered with a slash at its end too.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
            "schemas": schemas::schemas(),
        },
    })
}

fn path_item(route: &Route) -> Value {
    let operations = route.operations.iter().map(|one| (one.method.to_owned(), operation(route, one)));
    operations.collect::<Map<_, _>>().into()
}

fn operation(route: &Route, operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.query.iter().map(query_parameter).collect();
    if route.path.contains("{id}") {
        parameters.push(json!({
            "name": "id", "in": "path", "required": true,
            "description": "ID of the event; compared as text, so any other text is not found",
            "schema": { "type": "string" },
        }));
    }
    if operation.access == Access::Account {
        parameters.push(json!({
            "name": ACCOUNT_HEADER, "in": "header",
            "description": "The account to act for; admins only, unless it is the own one",
            "schema": { "type": "string" },
        }));
    }
    let mut described = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(route, operation),
        "security": if operation.access == Access::Everybody { json!([]) } else { json!([{ "basic": [] }]) },
    });
    if let Some(schema) = operation.body {
        described["requestBody"] = json!({ "required": true, "content": json_content(schema) });
    }
    described
}

fn query_parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "allowEmptyValue": true,
        "schema": parameter_schema(parameter.kind),
    })
}

fn parameter_schema(kind: Kind) -> Value {
    match kind {
        Kind::Exact | Kind::Level => json!({ "type": "string" }),
        Kind::Time => json!({ "type": "string", "examples": ["2018-06-30T03:56:27.711071Z", "2018-06-30"] }),
        Kind::TypePattern => {
            let pattern = "^[A-Za-z0-9._*-]*$";
            json!({ "type": "string", "pattern": pattern, "maxLength": TypePattern::BYTES_MAX, "examples": ["system.*"] })
        }
        Kind::Integer { least, most, default } => {
            json!({ "type": "integer", "minimum": least, "maximum": most, "default": default })
        }
    }
}

fn responses(route: &Route, operation: &Operation) -> Value {
    let mut responses = Map::new();
    for answer in operation.answers {
        let mut described = json!({ "description": answer.description, "content": json_content(answer.schema) });
        if let Some(id) = id_in(answer.schema) {
            described["links"] = links(id);
        }
        responses.insert(answer.status.to_string(), described);
    }
    let error = |description: &str| json!({ "description": description, "content": json_content("Error") });
    if operation.access != Access::Everybody {
        responses.insert("401".to_owned(), unauthorized());
        responses
            .insert("429".to_owned(), with_retry_after(error("Too many failed log-ins, or no room for more events")));
        responses.insert("500".to_owned(), with_retry_after(error("The database or a service cannot be used now")));
    }
    if operation.access == Access::Account {
        responses.insert("403".to_owned(), error("Not allowed for this user or this account"));
    }
    if !operation.query.is_empty() {
        let mut content = json_content("Error");
        content["application/problem+json"] = json_content("Problem")["application/json"].clone();
        responses.insert("400".to_owned(), json!({ "description": "A parameter is wrong", "content": content }));
    }
    debug_assert!(!responses.is_empty(), "{} answers", route.path);
    responses.into()
}

/// Where an answer names an event, whose ID other operations take.
fn id_in(schema: &str) -> Option<&'static str> {
    match schema {
        "Page" => Some("$response.body#/results/0/generated_uuid"),
        "Publication" | "Record" => Some("$response.body#/generated_uuid"),
        _ => None,
    }
}

fn links(id: &str) -> Value {
    let link = |name: &str| json!({ "operationId": name, "parameters": { "id": id } });
    json!({ "get_event": link("get_event"), "delete_event": link("delete_event") })
}

/// Its body is a plain text (contract 3.1).
fn unauthorized() -> Value {
    json!({
        "description": "No credentials, or wrong ones",
        "headers": { "WWW-Authenticate": { "schema": { "type": "string" } } },
        "content": { "text/plain": { "schema": { "type": "string" } } },
    })
}

fn with_retry_after(mut response: Value) -> Value {
    response["headers"] = json!({ "Retry-After": { "description": "Seconds", "schema": { "type": "integer" } } });
    response
}

fn json_content(schema: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }

    #[test]
    fn every_route_has_its_path() {
        let document = document();
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths.len(), ROUTES.len());
        assert_eq!(document["paths"]["/v1/events"]["get"]["parameters"][8]["schema"]["minimum"], 1);
    }
}

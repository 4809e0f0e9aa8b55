//! The table of the REST interface: from it come the router and the OpenAPI document.

use axum::routing::{MethodRouter, delete, get, post};

use super::{Rest, about, events, publish};
use crate::wire::{self, Parameter};

pub struct Route {
    /// `{id}` is the ID of an event.
    pub path: &'static str,
    pub operations: &'static [Operation],
}

pub struct Operation {
    pub method: &'static str,
    /// The `operationId`.
    pub name: &'static str,
    pub summary: &'static str,
    pub access: Access,
    pub query: &'static [Parameter],
    /// Name of the schema of the body, if there is one.
    pub body: Option<&'static str>,
    /// What it answers, beside what follows from its access and its query.
    pub answers: &'static [Answer],
    pub handler: fn() -> MethodRouter<Rest>,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Everybody,
    /// Any account.
    User,
    /// Any account, for its own events or, as an admin, for another's.
    Account,
}

pub struct Answer {
    pub status: u16,
    pub description: &'static str,
    /// Name of its schema.
    pub schema: &'static str,
}

const fn answer(status: u16, description: &'static str, schema: &'static str) -> Answer {
    Answer { status, description, schema }
}

const NOT_FOUND: Answer = answer(404, "The account has no event with this ID", "Error");

pub const ROUTES: &[Route] = &[
    Route {
        path: "/v1",
        operations: &[Operation {
            method: "get",
            name: "check_access",
            summary: "Whether the service is there and takes these credentials",
            access: Access::User,
            query: &[],
            body: None,
            answers: &[answer(200, "It does", "Text")],
            handler: || get(about::show_access),
        }],
    },
    Route {
        path: "/v1/events",
        operations: &[
            Operation {
                method: "get",
                name: "list_events",
                summary: "Events, newest first, a page at a time",
                access: Access::Account,
                query: wire::LIST,
                body: None,
                answers: &[answer(200, "A page; empty where the list has ended before it", "Page")],
                handler: || get(events::list),
            },
            Operation {
                method: "post",
                name: "publish_events",
                summary: "Publish one event or a list of them; those that have an ID may be published again",
                access: Access::Account,
                query: &[],
                body: Some("Published"),
                answers: &[
                    answer(200, "Stored", "Publication"),
                    answer(
                        202,
                        "Durable, and not all of them stored yet: `created_at` is null in those",
                        "Publication",
                    ),
                    answer(400, "An event is not right; none was published", "Error"),
                    answer(413, "The body is too large", "Error"),
                    answer(415, "The body is not said to be JSON", "Error"),
                ],
                handler: || post(publish::publish),
            },
            Operation {
                method: "delete",
                name: "delete_events",
                summary: "Delete the events that match; without parameters, all of the account",
                access: Access::Account,
                query: wire::DELETE,
                body: None,
                answers: &[answer(200, "The IDs of the deleted events", "Ids")],
                handler: || delete(events::delete_matching),
            },
        ],
    },
    Route {
        path: "/v1/events/{id}",
        operations: &[
            Operation {
                method: "get",
                name: "get_event",
                summary: "One event",
                access: Access::Account,
                query: &[],
                body: None,
                answers: &[answer(200, "The event", "Record"), NOT_FOUND],
                handler: || get(events::get),
            },
            Operation {
                method: "delete",
                name: "delete_event",
                summary: "Delete one event",
                access: Access::Account,
                query: &[],
                body: None,
                answers: &[answer(200, "It is deleted", "Nothing"), NOT_FOUND],
                handler: || delete(events::delete_one),
            },
        ],
    },
    Route {
        path: "/v1/event_types",
        operations: &[Operation {
            method: "get",
            name: "list_event_types",
            summary: "The known types of events, by category and subcategory",
            access: Access::User,
            query: &[],
            body: None,
            answers: &[answer(200, "Every category", "Categories")],
            handler: || get(about::list_event_types),
        }],
    },
    Route {
        path: "/v1/openapi.json",
        operations: &[Operation {
            method: "get",
            name: "show_openapi",
            summary: "This document",
            access: Access::Everybody,
            query: &[],
            body: None,
            answers: &[answer(200, "An OpenAPI 3.1 document", "Object")],
            handler: || get(about::show_openapi),
        }],
    },
    Route {
        path: "/health",
        operations: &[Operation {
            method: "get",
            name: "show_health",
            summary: "Whether every service behind this door is ready",
            access: Access::Everybody,
            query: &[],
            body: None,
            answers: &[answer(200, "All are", "Health"), answer(503, "Some are not", "Health")],
            handler: || get(about::show_health),
        }],
    },
    Route {
        path: "/version",
        operations: &[Operation {
            method: "get",
            name: "show_version",
            summary: "The release",
            access: Access::Everybody,
            query: &[],
            body: None,
            answers: &[answer(200, "The release", "Version")],
            handler: || get(about::show_version),
        }],
    },
];

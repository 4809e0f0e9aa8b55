//! The REST interface to the letter: answers, errors, headers (contract 3).

use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, Answer, BOB, DEADLINE, Rest, Shape, Stack, User, event, eventually, holds, id_of};

on_every_stack!(the_contracts_answers_and_errors);
on_every_stack!(@shape apart NatsApart what_is_away_is_an_internal_error);

fn the_contracts_answers_and_errors(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.rest(ADMIN);
    published_events_are_answered_as_stored(&stack, &admin);
    every_error_of_the_contract(&stack, &admin);
    what_is_not_published(&stack, &admin);
    accounts_act_for_themselves(&stack, &admin);
    deletions(&admin);
    // At last: failed log-ins become events.
    access(&stack, &admin);
}

#[track_caller]
fn is_error(answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let expected = json!({ "message": message, "httpcode": status, "detail": { "error_codes": [] } });
    assert_eq!(answer.expect(status), expected);
}

#[track_caller]
fn is_problem(answer: &Answer, part: &str) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let object = answer.expect(400);
    assert!(object["detail"].as_str().is_some_and(|detail| detail.contains(part)), "{object}");
    let expected = json!({ "detail": object["detail"], "status": 400, "title": "Bad Request", "type": "about:blank" });
    assert_eq!(object, expected);
}

#[track_caller]
fn is_unauthorized(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (401, "Unauthorized"), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some("basic realm=\"Authentication required\""));
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{answer:?}");
}

fn access(stack: &Stack, admin: &Rest) {
    assert_eq!(admin.get("/v1").expect(200), "v1");
    assert_eq!(admin.get("/v1/").expect(200), "v1");
    // Old clients ask in the name of the other account too; the refusal comes where they show it.
    assert_eq!(stack.rest(BOB).with("x-anchore-account", "admin").get("/v1").status, 200);
    let nobody = admin.with("Authorization", "");
    for path in ["/version", "/version/", "/health", "/health/", "/v1/openapi.json"] {
        assert_eq!(nobody.get(path).status, 200, "{path}");
    }
    let version = nobody.get("/version").json();
    assert_eq!(version["service"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(version["api"].is_object() && version["db"]["schema_version"].is_string(), "{version}");
    let wrong = stack.rest(User { password: "wrong", ..ADMIN });
    for path in ["/v1", "/v1/events", "/v1/events/7", "/v1/event_types", "/v1/events?page=abc"] {
        is_unauthorized(&nobody.get(path));
        is_unauthorized(&wrong.get(path));
    }
    is_unauthorized(&nobody.delete("/v1/events"));
    is_unauthorized(&nobody.delete("/v1/events?before=x"));
    is_unauthorized(&nobody.post(&json!([])));
    let types = stack.rest(BOB).with("x-anchore-account", "admin").get("/v1/event_types/").expect(200);
    assert_eq!((&types[0]["name"], &types[1]["name"]), (&json!("system"), &json!("user")));
    let repository = &types[0]["subcategories"][3];
    let expected = json!({"name": "list_tags_fail", "type": "system.repository.list_tags_fail",
        "message": "Failed to list tags in repository", "resource_type": "repository"});
    assert_eq!((&repository["name"], &repository["events"][0]), (&json!("repository"), &expected));
}

fn published_events_are_answered_as_stored(stack: &Stack, admin: &Rest) {
    let (one, two, three) = (event(1), event(2), event(3));
    let record = admin.post(&one).expect(200);
    assert_eq!((&record["event"], &record["generated_uuid"]), (&one["event"], &one["generated_uuid"]));
    assert_eq!(admin.get(&format!("/v1/events/{}", id_of(1))).expect(200), record);
    assert_eq!(admin.get(&format!("/v1/events/{}/", id_of(1))).expect(200), record);
    let records = admin.post(&json!([two, three])).expect(200);
    assert_eq!(records.as_array().map(Vec::len), Some(2));
    let page = admin.get("/v1/events?limit=2").expect(200);
    assert_eq!(page, json!({"results": [records[1], records[0]], "next_page": true, "item_count": 2, "page": 1}));
    let page = admin.get("/v1/events/?limit=2&page=2").expect(200);
    assert_eq!(page, json!({"results": [record], "next_page": false, "item_count": 1, "page": 2}));
    let beyond = admin.get("/v1/events?page=1000000000000").expect(200);
    assert_eq!(beyond, json!({"results": [], "next_page": false, "item_count": 0, "page": 1_000_000_000_000_i64}));
    // Published again, it is the same event.
    let mut again = one.clone();
    again["event"]["message"] = json!("another");
    assert_eq!(admin.post(&again).expect(200), record);
    assert_eq!(admin.post(&json!([])).expect(200), json!([]));
    // The inner object is enough; the publisher owns it.
    let bare = json!({"type": "t", "level": "info", "message": "m", "timestamp": "2018-06-30T03:56:27.711071"});
    let record = stack.rest(ALICE).post(&bare).expect(200);
    let owned = json!({"user_id": "alice", "type": null, "id": null});
    assert_eq!((&record["event"]["resource"], &record["event"]["level"]), (&owned, &json!("INFO")));
    assert_eq!(record["event"]["timestamp"], "2018-06-30T03:56:27.711071Z");
    let head = admin.send("HEAD", "/v1/events", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

fn every_error_of_the_contract(stack: &Stack, admin: &Rest) {
    let list = |query: &str| admin.get(&format!("/v1/events?{query}"));
    let date = |name| format!("Invalid value for {name} query parameter, must be valid datetime string");
    is_error(&list("since=yesterday"), 400, &date("since"));
    is_error(&list("before=2018-13-01"), 400, &date("before"));
    is_error(&admin.delete("/v1/events?before=yesterday"), 400, &date("before"));
    is_error(&list("page=0"), 400, "page must be a valid integer greater than 0");
    is_error(&list("page=-1"), 400, "page must be a valid integer greater than 0");
    for limit in ["0", "1001", "-5", "99999999999999999999"] {
        is_error(&list(&format!("limit={limit}")), 400, "limit must be valid integer between 1 and 1000");
    }
    let order = list("since=2018-01-02&before=2018-01-02").expect(400);
    assert!(order["message"].as_str().is_some_and(|message| message.contains("since must be earlier than before")));
    is_problem(&list("page=abc"), "`abc` is no integer");
    is_problem(&list("limit=ten"), "`ten` is no integer");
    is_problem(&list("event_type=a%25b"), "`a%b` is no event type pattern");
    is_problem(&admin.delete("/v1/events?resource_id=x"), "`resource_id` is not known here");

    let not_found = "Event not found";
    for id in ["7", "D77736AC78A043A9B84B3A1B8171AA44", "d77736ac78a043a9b84b3a1b8171aa44", "%00", "x%2Fy"] {
        is_error(&admin.get(&format!("/v1/events/{id}")), 404, not_found);
        is_error(&admin.delete(&format!("/v1/events/{id}")), 404, not_found);
    }
    is_error(&stack.rest(ALICE).get(&format!("/v1/events/{}", id_of(1))), 404, not_found);
    is_error(
        &admin.get("/v1/nothing"),
        404,
        "no route `GET /v1/nothing` here; /v1/openapi.json lists those that there are",
    );
    is_error(
        &admin.get("/v1/events/7/8"),
        404,
        "no route `GET /v1/events/7/8` here; /v1/openapi.json lists those that there are",
    );
    for (path, method, allowed) in [
        ("/v1/events", "PUT", "GET,HEAD,POST,DELETE"),
        ("/v1/events/", "PATCH", "GET,HEAD,POST,DELETE"),
        ("/v1/events/7", "POST", "GET,HEAD,DELETE"),
        ("/v1", "DELETE", "GET,HEAD"),
        ("/v1/event_types", "POST", "GET,HEAD"),
    ] {
        let answer = admin.send(method, path, "");
        assert_eq!(answer.header("allow"), Some(allowed));
        is_error(&answer, 405, &format!("the method {method} is not allowed at `{path}`"));
        let options = admin.send("OPTIONS", path, "");
        assert_eq!((options.status, options.header("allow")), (204, Some(allowed)));
    }
    // No error, but nothing: such levels, texts and patterns match no event.
    for query in ["level=warn", "resource_id=%00", "source_servicename=%FF", "event_type=nothing", "since=9999-12-31"] {
        assert_eq!(list(query).expect(200)["results"], json!([]), "{query}");
    }
    assert_eq!(list("level=eRRoR&unknown=1&since=&page=").expect(200)["item_count"], 3);
}

fn what_is_not_published(stack: &Stack, admin: &Rest) {
    let count = || admin.get("/v1/events?limit=1000").expect(200)["item_count"].clone();
    let before = count();
    let violation = |body: &Value| {
        let object = admin.post(body).expect(400);
        let message = object["message"].as_str().unwrap_or_default().to_owned();
        assert!(object["detail"]["violations"][0]["problem"].is_string(), "{object}");
        message
    };
    for needed in ["type", "level", "message", "timestamp"] {
        let mut lacking = event(900)["event"].clone();
        lacking.as_object_mut().and_then(|members| members.remove(needed));
        assert!(violation(&lacking).starts_with(&format!("{needed}: missing")), "{needed}");
    }
    assert_eq!(violation(&json!({"x": 1}))[..14].to_owned(), "x: unknown key");
    let mut loud = event(901);
    loud["event"]["level"] = json!("loud");
    let message = violation(&json!([event(902), loud]));
    assert_eq!(message, "event 1: level: unknown level `loud`, expected `info` or `error`");
    let many: Vec<Value> = (0..1001).map(event).collect();
    assert_eq!(violation(&json!(many)), "events: 1001 events in one request, expected at most 1000");
    let large = format!("{}{}", " ".repeat(8 * 1024 * 1024), event(903));
    let answer = admin.with("Content-Type", "application/json").try_send("POST", "/v1/events", &large);
    // The connection may be closed while the body is still sent.
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 413), "{answer:?}");
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = admin.with("Content-Type", kind).send("POST", "/v1/events", &event(904).to_string());
        assert_eq!(answer.status, 415, "{answer:?}");
    }
    let mut of_admin = event(905);
    of_admin["event"]["resource"]["user_id"] = json!("admin");
    assert_eq!(stack.rest(ALICE).post(&of_admin).status, 403);
    assert_eq!(stack.rest(BOB).post(&event(906)).status, 403);
    assert_eq!(count(), before, "nothing of that was published");
}

fn accounts_act_for_themselves(stack: &Stack, admin: &Rest) {
    let for_alice = |user: User| stack.rest(user).with("x-anchore-account", "alice").get("/v1/events");
    assert_eq!(for_alice(ALICE).expect(200)["item_count"], 1);
    assert_eq!(for_alice(ADMIN).expect(200)["item_count"], 1);
    let refusal = "the account `bob` may not act for `alice`, only an admin may";
    is_error(&for_alice(BOB), 403, refusal);
    let deletion = stack.rest(BOB).with("x-anchore-account", "alice").delete("/v1/events");
    is_error(&deletion, 403, refusal);
    let read_only = "the account `bob` may only read, expected the role `write` or `admin`";
    is_error(&stack.rest(BOB).delete("/v1/events"), 403, read_only);
    is_error(&stack.rest(BOB).delete("/v1/events?level=warn"), 403, read_only);
    is_error(&stack.rest(BOB).delete(&format!("/v1/events/{}", id_of(1))), 403, read_only);
    assert_eq!(admin.with("x-anchore-account", "a b").get("/v1/events").status, 403);
    assert_eq!(admin.with("x-anchore-account", "ä").get("/v1/events").status, 403);
}

fn deletions(admin: &Rest) {
    let deleted = admin.delete(&format!("/v1/events/{}", id_of(1)));
    assert_eq!((deleted.status, deleted.body.as_str()), (200, "null"));
    is_error(&admin.delete(&format!("/v1/events/{}", id_of(1))), 404, "Event not found");
    // One that was deleted does not come back: it is durable, and will not be stored.
    let record = admin.post(&event(1)).expect(202);
    assert_eq!((&record["created_at"], &record["generated_uuid"]), (&Value::Null, &json!(id_of(1))));
    assert_eq!(admin.delete("/v1/events?since=2018-07-01&before=2018-06-01").expect(200), json!([]));
    assert_eq!(admin.delete("/v1/events?level=warn").expect(200), json!([]));
    assert_eq!(admin.delete("/v1/events?level=info").expect(200), json!([]));
    let before = "/v1/events?before=2018-06-30T03:56:02.000004Z&level=error";
    assert_eq!(admin.delete(before).expect(200), json!([id_of(2)]));
    let many: Vec<Value> = (10..2510).map(event).collect();
    admin.store(&many);
    let mut ids: Vec<String> = (10..2510).map(id_of).chain([id_of(3)]).collect();
    let deleted = admin.delete("/v1/events/").expect(200);
    let mut deleted: Vec<&str> = deleted.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ids.sort();
    deleted.sort_unstable();
    assert_eq!(deleted, ids);
    assert_eq!(admin.delete("/v1/events").expect(200), json!([]));
}

/// Old clients exit 2 for a 500, and 1 for anything else (contract 3.6, 4.2).
fn what_is_away_is_an_internal_error(shape: Shape) {
    let mut stack = Stack::builder(shape).with_own_postgres().start();
    let admin = stack.rest(ADMIN);
    let said = |answer: Answer, part: &str| {
        let object = answer.expect(500);
        assert_eq!((&object["httpcode"], &object["detail"]), (&json!(500), &json!({"error_codes": []})));
        assert!(object["message"].as_str().is_some_and(|message| message.contains(part)), "{object}");
        answer
    };
    if let Some(postgres) = &mut stack.postgres {
        postgres.kill();
    }
    let away = "the database cannot be used now";
    assert_eq!(said(admin.get("/v1/events"), away).header("retry-after"), Some("2"));
    said(admin.get(&format!("/v1/events/{}", id_of(1))), away);
    said(admin.delete("/v1/events"), away);
    assert_eq!(admin.get("/v1").status, 200, "the credentials are right all the same");
    // What is published is durable meanwhile.
    assert_eq!(admin.post(&event(1)).expect(202)["created_at"], Value::Null);
    if let Some(postgres) = &mut stack.postgres {
        postgres.restart();
    }
    stack.wait_until_ready();
    let path = format!("/v1/events/{}", id_of(1));
    eventually(DEADLINE, || holds(admin.get(&path).status == 200, || "not stored".to_owned()));

    stack.kill9("events-store");
    let unreachable = "the events-store cannot be reached: ";
    said(admin.get("/v1"), unreachable);
    said(admin.get("/v1/events"), unreachable);
    said(admin.post(&event(2)), unreachable);
    eventually(DEADLINE, || holds(admin.get("/health").status == 503, || "healthy".to_owned()));
    stack.restart("events-store");
    assert_eq!(admin.get("/v1/events").expect(200)["item_count"], 1);
}

//! Requests that are wrong: each is refused with the field that is wrong and what would be right, and changes nothing.

use std::time::Duration;

use proto::events::v1::{
    DeleteEventRequest, Event, EventFilter, GetEventRequest, Level, ListEventsRequest, PublishEventsRequest,
    PurgeEventsRequest, Resource,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{ADMIN, ALICE, CAROL, Rpc, Shape, Stack, User, block_on, event, id_of, wrong_fields};

on_every_stack!(a_wrong_request_is_refused_by_its_field);

const DETAILS_BYTES_MAX: usize = 262_144;

fn a_wrong_request_is_refused_by_its_field(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    admin.store(&(1..=5).map(event).collect::<Vec<_>>());
    wrong_flags(&stack);
    block_on(async {
        let mut rpc = Rpc::connect(&stack.url(), ADMIN).await;
        wrong_pages(&mut rpc).await;
        let mut alice = Rpc::connect(&stack.url(), ALICE).await;
        wrong_tokens(&mut rpc, &mut alice).await;
        wrong_filters(&mut rpc).await;
        wrong_ids(&mut rpc).await;
        wrong_events(&mut alice).await;
        without_credentials(&stack.url()).await;
    });
    assert_eq!(admin.ids(&[]).len(), 5, "nothing is half done");
    assert!(stack.client(ALICE).ids(&["--event_type", "list_tags_fail"]).is_empty());
}

fn wrong_flags(stack: &Stack) {
    let admin = stack.client(ADMIN);
    let since = "`yesterday` is no time, expected ISO 8601 such as `2018-06-30T03:56:27Z`";
    for command in [["event", "list"], ["event", "delete"]] {
        let run = |flags: &[&str]| admin.run(&[&command, flags].concat());
        run(&["--since", "yesterday"]).refused(2, &["Error: --since: ", since]);
        run(&["--before", "2018-13-01"]).refused(2, &["Error: --before: `2018-13-01` is no time"]);
        run(&["--level", "warn"])
            .refused(2, &["Error: warn is an invalid value for --level. Supported values are 'info' or 'error'"]);
        run(&["--event_type", "a b"]).refused(2, &["Error: --event_type: `a b` is no event type pattern"]);
        run(&["--since", "2018-07-01", "--before", "2018-06-01"]).refused(
            1,
            &[
                "HTTP Code: 400",
                "filter.since: `2018-07-01T00:00:00Z` is not earlier than `before`, which is `2018-06-01T00:00:00Z`",
            ],
        );
        run(&["--colour"]).refused(2, &["--colour"]);
    }
    let malformed = "id: `7` is no event ID, expected 32 lower-case hex digits";
    admin.run(&["event", "get", "7"]).refused(1, &["Error: Event not found\nHTTP Code: 404\n", malformed]);
    admin.run(&["event", "delete", "7"]).refused(1, &["Error: Event not found\nHTTP Code: 404\n", malformed]);
    admin.run(&["event", "get", &id_of(77)]).refused(1, &["Error: Event not found\nHTTP Code: 404\n\n"]);
}

#[track_caller]
fn check(refusal: &Status, field: &str, problem: &str) {
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
    let fields = wrong_fields(refusal);
    let is_named = fields.iter().any(|(wrong, why)| wrong == field && why.contains(problem));
    assert!(is_named, "{field}: {problem} is not in {fields:?}");
    assert!(refusal.message().contains(field), "a person reads it too: {refusal:?}");
}

async fn list(rpc: &mut Rpc, request: ListEventsRequest) -> Result<(Vec<Event>, String), Status> {
    let request = rpc.request(request);
    let page = rpc.events.list_events(request).await?.into_inner();
    Ok((page.events, page.next_page_token))
}

async fn wrong_pages(rpc: &mut Rpc) {
    for page_size in [0, -1, 1_001, 100_000, i32::MIN] {
        let request = ListEventsRequest { page_size: Some(page_size), ..ListEventsRequest::default() };
        let refusal = list(rpc, request).await.expect_err("no such page");
        check(&refusal, "page_size", &format!("{page_size}, expected 1 to 1000"));
    }
    let request = ListEventsRequest { page_size: Some(1_000), ..ListEventsRequest::default() };
    assert_eq!(list(rpc, request).await.expect("a page").0.len(), 5);
}

async fn wrong_tokens(rpc: &mut Rpc, alice: &mut Rpc) {
    let page = |page_token: &str| ListEventsRequest {
        page_size: Some(2),
        page_token: page_token.to_owned(),
        ..ListEventsRequest::default()
    };
    let (_, token) = list(rpc, page("")).await.expect("a page");
    assert_eq!(list(rpc, page(&token)).await.expect("the next page").0.len(), 2);
    let altered = format!("{}{}", if token.starts_with('A') { 'B' } else { 'A' }, &token[1..]);
    for token in [altered.as_str(), "x", "!", &token[1..], &format!("{token}AAAA")] {
        let refusal = list(rpc, page(token)).await.expect_err("an altered token");
        check(&refusal, "page_token", "expected the one of the page before, unchanged");
    }
    let refusal = list(alice, page(&token)).await.expect_err("the token of another account");
    check(&refusal, "page_token", "with the same filter and account");
    let filter = EventFilter { level: Level::Error.into(), ..EventFilter::default() };
    let refusal = list(rpc, ListEventsRequest { filter: Some(filter), ..page(&token) }).await;
    check(&refusal.expect_err("the token of another filter"), "page_token", "with the same filter");
    let purge = PurgeEventsRequest { purge_token: token, ..PurgeEventsRequest::default() };
    check(&rpc_purge(rpc, purge).await.expect_err("a token for something else"), "purge_token", "");
}

async fn rpc_purge(rpc: &mut Rpc, request: PurgeEventsRequest) -> Result<(), Status> {
    let request = rpc.request(request);
    let mut steps = rpc.events.purge_events(request).await?.into_inner();
    while steps.message().await?.is_some() {}
    Ok(())
}

async fn wrong_filters(rpc: &mut Rpc) {
    let at = |seconds: i64| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let all = EventFilter::default;
    for (filter, field, problem) in [
        (
            EventFilter { level: 7, ..all() },
            "filter.level",
            "unknown level number 7, expected LEVEL_INFO or LEVEL_ERROR",
        ),
        (EventFilter { r#type: "a b".to_owned(), ..all() }, "filter.type", "`a b` is no event type pattern"),
        (EventFilter { since: at(2), before: at(2), ..all() }, "filter.since", "is not earlier than `before`"),
        (EventFilter { since: at(i64::MAX), ..all() }, "filter.since", "no time within the years 1 to 9999"),
    ] {
        let request = ListEventsRequest { filter: Some(filter.clone()), ..ListEventsRequest::default() };
        check(&list(rpc, request).await.expect_err("a wrong filter"), field, problem);
        let purge = PurgeEventsRequest { filter: Some(filter), ..PurgeEventsRequest::default() };
        check(&rpc_purge(rpc, purge).await.expect_err("a wrong filter"), field, problem);
    }
}

async fn wrong_ids(rpc: &mut Rpc) {
    for id in ["", "7", "D77736AC78A043A9B84B3A1B8171AA44", &id_of(77), &"9".repeat(10_000)] {
        let request = rpc.request(GetEventRequest { id: id.to_owned() });
        let refusal = rpc.events.get_event(request).await.expect_err("no such event");
        assert_eq!((refusal.code(), refusal.message()), (Code::NotFound, "Event not found"));
        assert_eq!(refusal.get_details_resource_info().map(|info| info.resource_type).as_deref(), Some("event"));
        let request = rpc.request(DeleteEventRequest { id: id.to_owned() });
        assert_eq!(rpc.events.delete_event(request).await.expect_err("no such event").code(), Code::NotFound);
    }
}

fn right() -> Event {
    Event {
        r#type: "note".to_owned(),
        level: Level::Info.into(),
        message: "m".to_owned(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 0 }),
        ..Event::default()
    }
}

async fn publish(rpc: &mut Rpc, events: Vec<Event>) -> Result<Vec<String>, Status> {
    let requests = events.into_iter().map(|event| PublishEventsRequest { event: Some(event) });
    let request = rpc.request(tokio_stream::iter(requests.collect::<Vec<_>>()));
    Ok(rpc.events.publish_events(request).await?.into_inner().ids)
}

async fn wrong_events(alice: &mut Rpc) {
    let too_large = format!("{{\"a\":\"{}\"}}", "x".repeat(DETAILS_BYTES_MAX - 7));
    let too_deep = "[".repeat(101) + &"]".repeat(101);
    for (wrong, field, problem) in [
        (Event { r#type: String::new(), ..right() }, "type", "missing, expected a text"),
        (Event { level: 0, ..right() }, "level", "missing, expected `info` or `error`"),
        (Event { level: 9, ..right() }, "level", "unknown level number 9"),
        (Event { occurred_at: None, ..right() }, "occurred_at", "missing"),
        (Event { id: "7".to_owned(), ..right() }, "id", "expected 32 lower-case hex digits"),
        (Event { message: "m".repeat(4_097), ..right() }, "message", "4097 bytes, expected at most 4096"),
        (Event { details_json: "{".to_owned(), ..right() }, "details_json", "not JSON"),
        (Event { details_json: too_large, ..right() }, "details_json", "262145 bytes of JSON, expected at most 262144"),
        (Event { details_json: format!("{{\"a\":{too_deep}}}"), ..right() }, "details_json", "100 levels"),
    ] {
        let sent = vec![right(), right(), wrong, right()];
        let refusal = publish(alice, sent).await.expect_err("a wrong event");
        check(&refusal, field, problem);
        assert_eq!(index(&refusal).as_deref(), Some("2"), "those before it are published, it and those after are not");
    }
    let of_another =
        Event { resource: Some(Resource { account: "carol".to_owned(), ..Resource::default() }), ..right() };
    let refusal = publish(alice, vec![of_another]).await.expect_err("the account of another");
    assert_eq!(refusal.code(), Code::PermissionDenied);
    assert!(wrong_fields(&refusal).iter().any(|(field, _)| field == "resource.account"), "{refusal:?}");
    // The largest that there may be.
    let details_json = format!("{{\"a\":\"{}\"}}", "x".repeat(DETAILS_BYTES_MAX - 8));
    publish(alice, vec![Event { details_json, ..right() }]).await.expect("at the bound");
    // Larger than any message may be.
    let details_json = "x".repeat(8 * 1024 * 1024);
    let refusal = publish(alice, vec![Event { details_json, ..right() }]).await.expect_err("a huge message");
    assert!(matches!(refusal.code(), Code::OutOfRange | Code::ResourceExhausted), "{refusal:?}");
}

fn index(refusal: &Status) -> Option<String> {
    let info = refusal.get_details_error_info()?;
    (info.reason == "EVENT_REFUSED").then(|| info.metadata.get("index").cloned())?
}

async fn without_credentials(url: &str) {
    let mut rpc = Rpc::connect(url, User { password: "wrong", ..CAROL }).await;
    let refusal = list(&mut rpc, ListEventsRequest::default()).await.expect_err("a wrong password");
    assert_eq!(refusal.code(), Code::Unauthenticated);
    let refusal = rpc.events.list_events(ListEventsRequest::default()).await.expect_err("no password");
    assert_eq!(refusal.code(), Code::Unauthenticated);
    // A wrong password is not slower to find out than a caller may wait.
    let patience = tokio::time::timeout(Duration::from_secs(10), list(&mut rpc, ListEventsRequest::default()));
    assert!(patience.await.is_ok());
}

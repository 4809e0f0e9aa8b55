//! `event list`: every option, alone and with others; the order; the forms.

use serde_json::{Value, json};

use crate::harness::{ADMIN, Client, Rpc, Shape, Stack, block_on, event, id_of};
use proto::events::v1::ListEventsRequest;

on_every_stack!(
    every_option_selects_alone_and_with_others,
    the_first_hundred_are_listed_and_with_all_every_one,
    what_was_published_is_read_back_in_full,
);

/// An event that is known by the position of its name in the alphabet.
fn named(
    name: char,
    level: &str,
    event_type: &str,
    service: &str,
    host: &str,
    resource: (&str, &str),
    at: &str,
) -> Value {
    let (resource_type, resource_id) = resource;
    json!({
        "generated_uuid": id_of(u64::from(u32::from(name))),
        "event": {
            "type": event_type,
            "level": level,
            "message": "m",
            "timestamp": at,
            "resource": {"user_id": "admin", "type": resource_type, "id": resource_id},
            "source": {"servicename": service, "hostid": host},
        },
    })
}

#[rustfmt::skip]
fn named_events() -> Vec<Value> {
    vec![
        named('a', "ERROR", "list_tags_fail", "catalog", "one", ("repository", "docker.io/x/app"), "2018-06-28T10:00:00Z"),
        named('b', "INFO", "feed_sync_start", "policy_engine", "one", ("feeds", ""), "2018-06-28T11:00:00Z"),
        named('c', "info", "feed_sync_complete", "policy_engine", "two", ("feeds", ""), "2018-06-28T12:00:00"),
        named('d', "error", "analyze_image_fail", "analyzer", "two", ("image_digest", "sha256:dd"), "2018-06-28 13:00:00"),
        named('e', "ERROR", "tag_manifest_parse_fail", "catalog", "two", ("tag", "docker.io/x/app:1"), "2018-06-28T16:00:00+02:00"),
        named('f', "ERROR", "system.feeds.sync.feed_failed", "policy_engine", "one", ("feed", "alpine"), "2018-06-28T15:00:00.5Z"),
        named('g', "INFO", "own.thing_done", "", "", ("", ""), "2018-06-28T16:00:00.000001Z"),
        // These three happened at once.
        named('h', "INFO", "list_tags_fail", "catalog", "one", ("repository", "docker.io/x/app"), "2018-06-29T00:00:00Z"),
        named('i', "ERROR", "list_tags_fail", "catalog", "one", ("repository", "docker.io/x/app"), "2018-06-29"),
        named('j', "ERROR", "list_tags_fail", "catalog", "two", ("repository", "docker.io/y/app"), "2018-06-29T02:00:00+02:00"),
    ]
}

fn every_option_selects_alone_and_with_others(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    admin.store(&named_events());
    let check = |filters: &[&str], expected: &str| {
        let listed = names(&admin, &[&["event", "list"], filters].concat());
        assert_eq!(listed, expected, "{filters:?}");
        let listed = names(&admin, &[&["event", "list", "--all"], filters].concat());
        assert_eq!(listed, expected, "--all {filters:?}");
    };
    check(&[], "jihgfedcba");

    check(&["--since", "2018-06-28T16:00:00Z"], "jihg");
    check(&["--since", "2018-06-28T16:00:00.000001Z"], "jih");
    check(&["--since", "2018-06-28 18:00:00+02:00"], "jihg");
    check(&["--before", "2018-06-28T12:00:00"], "ba");
    check(&["--before", "2018-06-29"], "gfedcba");
    check(&["--since", "2018-06-28T11:00:00Z", "--before", "2018-06-28T14:00:00Z"], "dc");
    check(&["--since", "1h"], "");
    check(&["--before", "1h"], "jihgfedcba");

    for level in ["error", "ERROR", "Error"] {
        check(&["--level", level], "jifeda");
    }
    check(&["--level", "info"], "hgcb");

    check(&["--service", "policy_engine"], "fcb");
    check(&["--service", "policy"], "");
    check(&["--host", "one"], "ihfba");
    check(&["docker.io/x/app"], "iha");
    check(&["docker.io/x/app:1"], "e");
    check(&["docker.io/x"], "");
    check(&["--resource_type", "repository"], "jiha");
    check(&["--resource-type", "feeds"], "cb");

    check(&["--event_type", "list_tags_fail"], "jiha");
    check(&["--event-type", "system.repository.list_tags_fail"], "jiha");
    check(&["--event_type", "system.feeds.sync.started"], "b");
    check(&["--event_type", "system.feeds.sync.feed_failed"], "f");
    check(&["--event_type", "feed_sync_*"], "cb");
    check(&["--event_type", "system.feeds.*"], "fcb");
    check(&["--event_type", "*fail"], "jiheda");
    check(&["--event_type", "*fail*"], "jihfeda");
    check(&["--event_type", "OWN.*"], "g");
    check(&["--event_type", "own.thing*done"], "g");
    check(&["--event_type", "own.thing.done"], "");
    check(&["--event_type", "*"], "jihgfedcba");

    check(&["--level", "error", "--service", "catalog", "--host", "one"], "ia");
    check(&["--level", "error", "--event_type", "system.*", "--since", "2018-06-28T13:00:00Z"], "jife");
    check(&["docker.io/x/app", "--level", "info", "--resource_type", "repository", "--host", "one"], "h");
    check(&["--service", "policy_engine", "--before", "2018-06-28T15:00:00Z", "--level", "INFO", "--host", "two"], "c");
    check(&["--service", "analyzer", "--level", "info"], "");

    assert_eq!(admin.run(&["event", "list", "--service", "nobody"]).ok(), "\n");
    check_forms(&admin);
    events_of_one_time_have_one_order(&stack);
}

/// The events that are listed, by their names, as the table tells it.
#[track_caller]
fn names(client: &Client, arguments: &[&str]) -> String {
    let table = client.run(arguments).ok();
    let ids = table.lines().skip(1).filter_map(|row| row.split_whitespace().last());
    ids.map(|id| char::from(u8::from_str_radix(&id[30..], 16).expect("hex digits"))).collect()
}

fn check_forms(admin: &Client) {
    let list = |arguments: &[&str]| {
        admin.run(&[&["event", "list", "--event_type", "feed_sync_start"], arguments].concat()).ok()
    };
    let header = |listed: &str| listed.lines().next().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let columns = "Timestamp Level Event ResourceType Resource Service Host ID";
    assert_eq!(header(&list(&["--full"])).as_deref(), Some(columns));
    assert_eq!(header(&list(&["-o", "wide"])).as_deref(), Some(columns));
    assert!(list(&["--full"]).contains("feed_sync_start        feeds               None            policy_engine"));
    assert!(list(&["-o", "csv"]).lines().nth(1).is_some_and(|row| row.contains("feed_sync_start")));
    assert!(list(&["-o", "yaml"]).contains("\n  type: feed_sync_start\n"));
    let page: Value = serde_json::from_str(&list(&["-o", "json"])).expect("JSON");
    assert_eq!((&page["next_page"], &page["item_count"], &page["page"]), (&json!(false), &json!(1), &json!(1)));
    assert_eq!(page["results"][0]["event"]["type"], "feed_sync_start");
}

/// The same one, however small the pages are.
fn events_of_one_time_have_one_order(stack: &Stack) {
    let walked = block_on(async {
        let mut rpc = Rpc::connect(&stack.url(), ADMIN).await;
        let mut walked = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListEventsRequest { page_size: Some(1), page_token, ..ListEventsRequest::default() };
            let request = rpc.request(request);
            let page = rpc.events.list_events(request).await.expect("a page").into_inner();
            walked.extend(page.events.into_iter().map(|event| event.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return walked;
            }
        }
    });
    assert_eq!(walked, stack.client(ADMIN).ids(&[]));
}

fn the_first_hundred_are_listed_and_with_all_every_one(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    let mut ids = admin.store(&(1..=1_234).map(event).collect::<Vec<_>>());
    let listed = admin.run(&["event", "list"]).ok();
    assert_eq!(listed.lines().count(), 101);
    let page: Value = serde_json::from_str(&admin.run(&["-o", "json", "event", "list"]).ok()).expect("JSON");
    assert_eq!((&page["next_page"], &page["item_count"]), (&json!(true), &json!(100)));
    let all = admin.ids(&[]);
    let rows: Vec<_> = listed.lines().skip(1).filter_map(|row| row.split_whitespace().last()).collect();
    assert_eq!(rows, all[..100]);
    let times: Vec<_> = admin.records(&[]).iter().map(|record| record["event"]["timestamp"].to_string()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first");
    let mut sorted = all;
    sorted.sort();
    ids.sort();
    assert_eq!(sorted, ids, "every one, once");
}

fn what_was_published_is_read_back_in_full(shape: Shape) {
    let stack = Stack::start(shape);
    let admin = stack.client(ADMIN);
    let published = event(7);
    admin.store(std::slice::from_ref(&published));
    let id = id_of(7);
    let check = |record: &Value| {
        assert_eq!(record["event"], published["event"]);
        assert_eq!(record["generated_uuid"], id.as_str());
        assert!(record["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{record}");
    };
    check(&admin.records(&[])[0]);
    let got = admin.run(&["--json", "event", "get", &id]).ok();
    check(&serde_json::from_str(&got).expect("JSON"));

    // Published again it is the same event, also with other words.
    let mut again = published.clone();
    again["event"]["message"] = json!("another");
    assert_eq!(admin.publish(&[again, event(8)]), [id_of(7), id_of(8)]);
    admin.store(&[event(9)]);
    assert_eq!(admin.records(&[]).len(), 3);
    check(&admin.records(&["docker.io/team/app-7"])[0]);

    // The inner object alone gets an id.
    let bare = json!({"type": "t", "level": "info", "message": "m", "timestamp": "2018-06-30T03:56:27.711071"});
    let ids = admin.store(&[bare]);
    let record = &admin.records(&["--event_type", "t"])[0];
    assert_eq!((&record["generated_uuid"], ids[0].len()), (&json!(ids[0]), 32));
    assert_eq!(record["event"]["details"], json!({}));
    assert_eq!(record["event"]["resource"], json!({"id": null, "type": null, "user_id": "admin"}));
}

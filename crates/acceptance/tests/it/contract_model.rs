//! The contract's filters and pages as a literal model, against the REST door, over random histories.
//!
//! The model shares no code with the program: it is the contract's section 3 in a hundred lines.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::harness::{ADMIN, Rest, Shape, Stack, id_of};

/// Random histories, each in an account of its own.
const HISTORIES: u32 = 60;

/// Types with the other name of the known ones.
const TYPES: [(&str, &str); 6] = [
    ("list_tags_fail", "system.repository.list_tags_fail"),
    ("system.repository.list_tags_fail", "list_tags_fail"),
    ("feed_sync_start", "system.feeds.sync.started"),
    ("system.feeds.sync.feed_failed", ""),
    ("My.Own_type", ""),
    ("my-own.type", ""),
];
const PATTERNS: [&str; 12] = [
    "list_tags_fail",
    "SYSTEM.repository.list_tags_fail",
    "system.*",
    "*feed*",
    "*.list_tags_fail",
    "my.own_type",
    "my*type",
    "m**e",
    "*",
    "feed",
    "my_own*",
    "nothing*",
];
const WORDS: [&str; 5] = ["catalog", "Catalog", "a b", "x%", "ü/1:2"];
/// As clients write them, with the second of the day that is meant.
const TIMES: [(&str, i64); 6] = [
    ("2018-06-30T00:00:02Z", 2),
    ("2018-06-30 00:00:03", 3),
    ("2018-06-30T02:00:04+02:00", 4),
    ("2018-06-30T00:00:05.000000", 5),
    ("2018-06-30", 0),
    ("2018-06-30T00:00:07-00:00", 7),
];

#[derive(Debug, Clone)]
struct ModelEvent {
    id: String,
    kind: (&'static str, &'static str),
    level: &'static str,
    second: i64,
    words: [Option<&'static str>; 4],
}

#[derive(Debug, Clone, Default)]
struct Query {
    kind: Option<&'static str>,
    level: Option<&'static str>,
    since: Option<(&'static str, i64)>,
    before: Option<(&'static str, i64)>,
    words: [Option<&'static str>; 4],
}

#[derive(Debug, Clone)]
enum Step {
    Publish(Vec<ModelEvent>),
    /// Any page, by somebody who has asked for none before.
    Page(Query, usize, usize),
    /// Every page in turn, with an event published after each.
    Walk(Query, usize),
    DeleteOne(usize),
    Delete(Query),
}

const NAMES: [&str; 4] = ["source_servicename", "source_hostid", "resource_type", "resource_id"];

impl Query {
    fn matches(&self, event: &ModelEvent) -> bool {
        let names = [event.kind.0.to_ascii_lowercase(), event.kind.1.to_owned()];
        let is_meant = |pattern: &str| {
            let pattern = pattern.to_ascii_lowercase();
            names.iter().filter(|name| !name.is_empty()).any(|name| like(pattern.as_bytes(), name.as_bytes()))
        };
        self.kind.is_none_or(is_meant)
            && self.level.is_none_or(|level| level.eq_ignore_ascii_case(event.level))
            && self.since.is_none_or(|(_, second)| event.second > second)
            && self.before.is_none_or(|(_, second)| event.second < second)
            && self.words.iter().zip(event.words).all(|(wanted, found)| wanted.is_none() || *wanted == found)
    }

    fn is_refused(&self) -> bool {
        self.since.zip(self.before).is_some_and(|(since, before)| since.1 >= before.1)
    }

    fn text(&self) -> String {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        pairs.extend(self.kind.map(|kind| ("event_type", kind)));
        pairs.extend(self.level.map(|level| ("level", level)));
        pairs.extend(self.since.map(|(text, _)| ("since", text)));
        pairs.extend(self.before.map(|(text, _)| ("before", text)));
        pairs.extend(NAMES.iter().zip(self.words).filter_map(|(name, word)| Some((*name, word?))));
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("&{name}={}", encode(value))).collect();
        pairs.concat()
    }
}

/// Each `*` is any run of characters.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|taken| like(rest, &text[taken..])),
        Some((first, rest)) => text.split_first().is_some_and(|(found, text)| found == first && like(rest, text)),
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The account's events, as they ought to be.
#[derive(Default)]
struct Model {
    events: Vec<ModelEvent>,
}

impl Model {
    /// The ids that match: by time, newest first; equal times by id.
    fn matching(&self, query: &Query) -> Vec<String> {
        let mut found: Vec<&ModelEvent> = self.events.iter().filter(|event| query.matches(event)).collect();
        found.sort_by_key(|event| std::cmp::Reverse((event.second, event.id.clone())));
        found.into_iter().map(|event| event.id.clone()).collect()
    }

    fn forget(&mut self, ids: &[String]) {
        self.events.retain(|event| !ids.contains(&event.id));
    }
}

struct History<'a> {
    rest: &'a Rest,
    model: Model,
    requests: u64,
}

impl History<'_> {
    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Publish(events) => {
                self.publish(events);
                Ok(())
            }
            Step::Page(query, page, limit) => {
                let expected = self.model.matching(&query);
                let newcomer = self.newcomer();
                check_page(&newcomer, &query, page, limit, &expected)
            }
            Step::Walk(query, limit) => self.walk(&query, limit),
            Step::DeleteOne(index) if self.model.events.is_empty() => {
                let answer = self.rest.delete(&format!("/v1/events/{}", id_of(index as u64)));
                prop_assert_eq!(answer.status, 404);
                Ok(())
            }
            Step::DeleteOne(index) => {
                let id = self.model.events[index % self.model.events.len()].id.clone();
                prop_assert_eq!(self.rest.delete(&format!("/v1/events/{id}")).status, 200);
                self.model.forget(&[id]);
                Ok(())
            }
            Step::Delete(query) => {
                // Deletion has three of the filters.
                let query = Query { kind: None, words: [None; 4], ..query };
                let mut expected = if query.is_refused() { Vec::new() } else { self.model.matching(&query) };
                let answer = self.rest.delete(&format!("/v1/events?{}", query.text().trim_start_matches('&')));
                prop_assert_eq!(answer.status, 200, "{:?}", answer);
                let mut deleted: Vec<String> = serde_json::from_value(answer.json()).expect("a list of ids");
                self.model.forget(&expected);
                deleted.sort();
                expected.sort();
                prop_assert_eq!(deleted, expected);
                Ok(())
            }
        }
    }

    fn publish(&mut self, events: Vec<ModelEvent>) {
        self.rest.store(&events.iter().map(published).collect::<Vec<_>>());
        self.model.events.extend(events);
    }

    fn walk(&mut self, query: &Query, limit: usize) -> Result<(), TestCaseError> {
        let expected = self.model.matching(query);
        let newcomer = self.newcomer();
        for page in 1..=expected.len().div_ceil(limit).max(1) {
            check_page(&newcomer, query, page, limit, &expected)?;
            if query.is_refused() {
                return Ok(());
            }
            let late = ModelEvent {
                id: id_of(fresh()),
                kind: TYPES[page % TYPES.len()],
                level: "ERROR",
                second: i64::try_from(page).expect("a small number") % 9,
                words: [Some(WORDS[0]), None, None, Some(WORDS[3])],
            };
            self.publish(vec![late]);
        }
        Ok(())
    }

    /// A program that has not been here before.
    fn newcomer(&mut self) -> Rest {
        self.requests += 1;
        self.rest.with("User-Agent", &format!("newcomer {}", self.requests))
    }
}

fn check_page(rest: &Rest, query: &Query, page: usize, limit: usize, expected: &[String]) -> Result<(), TestCaseError> {
    let answer = rest.get(&format!("/v1/events?page={page}&limit={limit}{}", query.text()));
    if query.is_refused() {
        prop_assert_eq!(answer.status, 400, "{:?}", answer);
        return Ok(());
    }
    prop_assert_eq!(answer.status, 200, "{:?}", answer);
    let (begin, end) = ((page - 1) * limit, page * limit);
    let shown = expected.iter().skip(begin).take(limit).collect::<Vec<_>>();
    let answered = answer.json();
    let results = answered["results"].as_array().expect("a list");
    let ids: Vec<&Value> = results.iter().map(|record| &record["generated_uuid"]).collect();
    prop_assert_eq!(json!(ids), json!(shown), "{:?} page {} of {}", query, page, limit);
    let envelope = (&answered["next_page"], &answered["item_count"], &answered["page"]);
    prop_assert_eq!(envelope, (&json!(expected.len() > end), &json!(shown.len()), &json!(page)));
    Ok(())
}

fn published(event: &ModelEvent) -> Value {
    let [service, host, resource_type, resource] = event.words;
    json!({
        "generated_uuid": event.id,
        "type": event.kind.0,
        "level": event.level,
        "message": "m",
        "timestamp": format!("2018-06-30T00:00:0{}", event.second),
        "source": { "servicename": service, "hostid": host },
        "resource": { "type": resource_type, "id": resource },
    })
}

/// A number for an id, never the same twice: the account is not a part of the identity.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Scattered, so that the order of ids is not the one of their making.
    NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn words(weight: f64) -> impl Strategy<Value = [Option<&'static str>; 4]> {
    let word = move || weighted(weight, select(&WORDS[..]));
    [word(), word(), word(), word()]
}

fn model_event() -> impl Strategy<Value = ModelEvent> {
    let level = select(&["INFO", "error", "Error", "ERROR"][..]);
    (select(&TYPES[..]), level, 0..9_i64, words(0.7)).prop_map(|(kind, level, second, words)| ModelEvent {
        id: String::new(),
        kind,
        level,
        second,
        words,
    })
}

fn query() -> impl Strategy<Value = Query> {
    let level = weighted(0.3, select(&["info", "ERROR", "Error", "warn", ""][..]));
    let time = || weighted(0.3, select(&TIMES[..]));
    (weighted(0.5, select(&PATTERNS[..])), level, time(), time(), words(0.15)).prop_map(
        |(kind, level, since, before, words)| Query {
            kind,
            // An empty value is the same as none.
            level: level.filter(|level| !level.is_empty()),
            since,
            before,
            words,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(model_event(), 1..25).prop_map(Step::Publish),
        6 => (query(), 1..7_usize, 1..12_usize).prop_map(|(query, page, limit)| Step::Page(query, page, limit)),
        2 => (query(), 1..9_usize).prop_map(|(query, limit)| Step::Walk(query, limit)),
        1 => any::<usize>().prop_map(|index| Step::DeleteOne(index % 1000)),
        1 => query().prop_map(Step::Delete),
    ]
}

#[test]
fn the_rest_door_does_what_the_contract_says() {
    let stack = Stack::start(Shape::LocalTogether);
    let accounts = AtomicU64::new(0);
    let histories = (vec(model_event(), 1..40), vec(step(), 1..14));
    let mut runner = TestRunner::new(Config { cases: HISTORIES, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&histories, |(first, steps)| {
        let account = format!("account-{}", accounts.fetch_add(1, Ordering::Relaxed));
        let rest = stack.rest(ADMIN).with("x-anchore-account", &account);
        let mut history = History { rest: &rest, model: Model::default(), requests: 0 };
        for step in std::iter::once(Step::Publish(first)).chain(steps) {
            history.take(with_ids(step))?;
        }
        Ok(())
    });
    checked.unwrap_or_else(|difference| panic!("{difference}"));
}

/// Events of a step that was tried before are events of their own.
fn with_ids(step: Step) -> Step {
    let Step::Publish(mut events) = step else { return step };
    for event in &mut events {
        event.id = id_of(fresh());
    }
    Step::Publish(events)
}

//! Every filter on the table against the filter of the vocabulary, over random histories.

use event::{Event, Filter, FilterDraft, Level, TypePattern, Violations};
use fixtures::{DatabaseKind, FreshDatabase};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::databases::table_in;
use crate::table::event;

fixtures::on_both_databases!(a_filter_selects_what_the_vocabulary_says);

const TYPES: [&str; 6] =
    ["list_tags_fail", "system.repository.list_tags_fail", "feed_sync_start", "My.Type", "my_type", "myXtype"];
const PATTERNS: [&str; 10] = [
    "list_tags_fail",
    "system.*",
    "*feed*",
    "my.type",
    "my_type",
    "my*type",
    "*",
    "*.list_tags_fail",
    "nothing",
    "MY_*",
];
const WORDS: [&str; 4] = ["a", "b%", "c_", "A"];

fn history() -> impl Strategy<Value = Vec<Event>> {
    let word = || prop::option::of(prop::sample::select(&WORDS[..]));
    let one = (prop::sample::select(&TYPES[..]), any::<bool>(), 0..6_i64, [word(), word(), word(), word()]);
    prop::collection::vec(one, 1..60).prop_map(|parts| {
        let events = parts.into_iter().map(|(event_type, is_error, minute, [service, host, kind, id])| {
            let mut event = event("admin", minute, 0);
            event.event_type = event_type.into();
            event.level = if is_error { Level::Error } else { Level::Info };
            event.source.service = service.map(Into::into);
            event.source.host_id = host.map(Into::into);
            event.resource.resource_type = kind.map(Into::into);
            event.resource.id = id.map(Into::into);
            event
        });
        events.collect()
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let word = || prop::option::weighted(0.2, prop::sample::select(&WORDS[..]).prop_map(String::from));
    let minute = || prop::option::weighted(0.3, (0..6_i64).prop_map(|minute| event("admin", minute, 0).occurred_at));
    let pattern =
        prop::option::of(prop::sample::select(&PATTERNS[..]).prop_map(|text| text.parse::<TypePattern>().unwrap()));
    let level = prop::option::weighted(0.3, prop::sample::select(&Level::ALL[..]));
    ((level, pattern, minute(), minute()), [word(), word(), word(), word()])
        .prop_map(|((level, event_type, since, before), [service, host_id, resource_type, resource_id])| FilterDraft {
            level,
            event_type,
            service,
            host_id,
            resource_type,
            resource_id,
            since,
            before,
        })
        .prop_filter_map("since is earlier than before", |draft| {
            draft.check("admin".parse().unwrap(), Violations::default()).ok()
        })
}

async fn a_filter_selects_what_the_vocabulary_says(kind: DatabaseKind) {
    let (histories, filters) = (8, 40);
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..histories {
        let fresh = FreshDatabase::new(kind);
        let table = table_in(&fresh).await;
        let history = history().new_tree(&mut runner).unwrap().current();
        table.append(&history, "2018-07-01".parse().unwrap()).await.unwrap();
        for _ in 0..filters {
            let filter = filter().new_tree(&mut runner).unwrap().current();
            let mut expected: Vec<&Event> = history.iter().filter(|event| filter.matches(event)).collect();
            expected.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.id)));
            let listed = table.list(&filter, None, 1000).await.unwrap();
            let listed: Vec<&Event> = listed.iter().map(|stored| &stored.event).collect();
            assert_eq!(listed, expected, "{filter:?}");
            assert_eq!(table.count(&filter, i64::MAX).await.unwrap(), expected.len() as u64, "{filter:?}");
        }
    }
}

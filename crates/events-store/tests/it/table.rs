//! Append, list, delete.

use std::collections::BTreeSet;

use event::{Details, Event, EventDraft, EventId, Filter, Level, Source, Timestamp, Violations};
use events_store::{Cursor, EventsTable};
use fixtures::{DatabaseKind, FreshDatabase};

use crate::databases::table_in;

fixtures::on_both_databases!(
    what_was_appended_is_read_back_to_the_letter,
    a_repeated_batch_adds_nothing,
    concurrent_replicas_store_each_event_once,
    pages_show_every_event_once_while_new_ones_arrive,
    deleted_events_do_not_come_back,
    what_was_stored_is_known_also_when_it_was_deleted,
    an_event_deleted_while_it_is_appended_does_not_come_back,
    a_purge_deletes_what_its_preview_pinned,
    expiry_deletes_only_what_is_too_old,
    positions_become_visible_in_order,
);

pub fn event(account: &str, minute: i64, number: u64) -> Event {
    let draft = EventDraft {
        event_type: if number.is_multiple_of(3) { "feed_sync_start" } else { "list_tags_fail" }.into(),
        level: Some(if number.is_multiple_of(2) { Level::Info } else { Level::Error }),
        message: "m".into(),
        resource_id: Some(format!("registry.example.com/team/app-{}", number % 5)),
        source: Source { service: Some("catalog".into()), ..Source::default() },
        occurred_at: Timestamp::from_micros(1_530_330_987_000_000 + minute * 60_000_000),
        ..EventDraft::default()
    };
    draft.check(&account.parse().unwrap(), Violations::default()).unwrap()
}

fn now() -> Timestamp {
    "2018-07-01".parse().unwrap()
}

fn everything() -> Filter {
    Filter::all_of("admin".parse().unwrap())
}

/// Walks all pages of `filter`.
async fn walk(table: &EventsTable, filter: &Filter, page_size: u64) -> Vec<EventId> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = table.list(filter, cursor, page_size).await.unwrap();
        let Some(last) = page.last() else { return ids };
        cursor = Some(Cursor::after(last));
        ids.extend(page.iter().map(|stored| stored.event.id));
    }
}

async fn what_was_appended_is_read_back_to_the_letter(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    let details = r#"{"z":18446744073709551615,"a":1e400,"nul":"\u0000","é":"\ud83d\ude00","d":0.10,"d":null}"#;
    let mut sent = event("admin", 0, 1);
    sent.details = Details::parse(details).unwrap();
    sent.message = "quote ' \" \\ % _ newline \n ünï ✓".into();
    sent.occurred_at = "0001-01-01T00:00:00.000001Z".parse().unwrap();
    assert_eq!(table.append(std::slice::from_ref(&sent), now()).await.unwrap(), 1);
    let read = table.get(&"admin".parse().unwrap(), sent.id).await.unwrap().unwrap();
    assert_eq!((read.event, read.stored_at), (sent.clone(), now()));
    assert_eq!(table.get(&"other".parse().unwrap(), sent.id).await.unwrap(), None);
}

async fn what_was_stored_is_known_also_when_it_was_deleted(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    let (kept, gone, never) = (event("admin", 0, 1), event("admin", 1, 2), event("admin", 2, 3));
    table.append(&[kept.clone(), gone.clone()], now()).await.unwrap();
    assert!(table.delete(&"admin".parse().unwrap(), gone.id, now()).await.unwrap());
    let known = table.known(&[kept.id, gone.id, never.id]).await.unwrap();
    assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([kept.id, gone.id]));
    assert_eq!(table.known(&[]).await.unwrap(), []);
}

async fn a_repeated_batch_adds_nothing(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    let batch: Vec<Event> = (0..1200).map(|number| event("admin", 0, number)).collect();
    assert_eq!(table.append(&batch, now()).await.unwrap(), 1200);
    assert_eq!(table.append(&batch, now()).await.unwrap(), 0);
    // A batch may repeat an event within itself.
    let new = event("admin", 1, 0);
    assert_eq!(table.append(&[new.clone(), batch[0].clone(), new], now()).await.unwrap(), 1);
    assert_eq!(walk(&table, &everything(), 1000).await.len(), 1201);
}

async fn concurrent_replicas_store_each_event_once(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let (first, second) = (table_in(&fresh).await, table_in(&fresh).await);
    let events: Vec<Event> = (0..2000).map(|number| event("admin", 0, number)).collect();
    let reversed: Vec<Event> = events.iter().rev().cloned().collect();
    let append_all = async |table: &EventsTable, events: &[Event]| {
        let mut appended = 0;
        for batch in events.chunks(100) {
            appended += table.append(batch, now()).await.unwrap();
        }
        appended
    };
    let (one, two) = tokio::join!(append_all(&first, &events), append_all(&second, &reversed));
    assert_eq!(one + two, 2000);
    assert_eq!(walk(&first, &everything(), 777).await.len(), 2000);
}

async fn pages_show_every_event_once_while_new_ones_arrive(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    // Ten equal timestamps at a time, so that pages end in the middle of them.
    let before: Vec<Event> =
        (0..250_u64).map(|number| event("admin", i64::try_from(number / 10).unwrap(), number)).collect();
    table.append(&before, now()).await.unwrap();
    let mut seen = Vec::new();
    let mut cursor = None;
    for number in 0_u64.. {
        let page = table.list(&everything(), cursor, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Some(Cursor::after(last));
        seen.extend(page.iter().map(|stored| stored.event.id));
        table.append(&[event("admin", 1000, number)], now()).await.unwrap();
    }
    let mut expected: Vec<&Event> = before.iter().collect();
    expected.sort_by_key(|event| std::cmp::Reverse((event.occurred_at, event.id)));
    assert_eq!(seen, expected.iter().map(|event| event.id).collect::<Vec<_>>());
}

async fn deleted_events_do_not_come_back(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    let events: Vec<Event> = (0..30).map(|number| event("admin", 0, number)).collect();
    table.append(&events, now()).await.unwrap();
    let account = "admin".parse().unwrap();
    assert!(!table.delete(&"other".parse().unwrap(), events[0].id, now()).await.unwrap());
    assert!(table.delete(&account, events[0].id, now()).await.unwrap());
    assert!(!table.delete(&account, events[0].id, now()).await.unwrap());
    let errors = Filter { level: Some(Level::Error), ..everything() };
    table.purge_batch(&errors, i64::MAX, None, 1000, now()).await.unwrap();
    assert_eq!(table.append(&events, now()).await.unwrap(), 0);
    assert_eq!(walk(&table, &everything(), 100).await.len(), 14);
    // A deletion is remembered for its time, and no longer.
    assert_eq!(table.forget_deleted(now()).await.unwrap(), 0);
    assert_eq!(table.forget_deleted("2018-07-02".parse().unwrap()).await.unwrap(), 16);
}

async fn an_event_deleted_while_it_is_appended_does_not_come_back(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let (one, two) = (table_in(&fresh).await, table_in(&fresh).await);
    let account = "admin".parse().unwrap();
    for number in 0..40 {
        let event = event("admin", 0, number);
        one.append(std::slice::from_ref(&event), now()).await.unwrap();
        let (deleted, appended) =
            tokio::join!(one.delete(&account, event.id, now()), two.append(std::slice::from_ref(&event), now()));
        assert_eq!((deleted.unwrap(), appended.unwrap()), (true, 0));
    }
    assert_eq!(walk(&one, &everything(), 100).await, []);
}

async fn a_purge_deletes_what_its_preview_pinned(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    let before: Vec<Event> = (0..25).map(|number| event("admin", 0, number)).collect();
    let others: Vec<Event> = (0..5).map(|number| event("other", 0, number)).collect();
    table.append(&[before.clone(), others].concat(), now()).await.unwrap();
    let errors = Filter { level: Some(Level::Error), ..everything() };
    let position = table.next_position().await.unwrap();
    assert_eq!(table.count(&errors, position).await.unwrap(), 12);
    assert_eq!(table.list_below(&errors, position, None, 3).await.unwrap().len(), 3);
    // What arrives after the preview matches, and stays: older and newer ones alike.
    table.append(&[event("admin", -5, 1), event("admin", 5, 1)], now()).await.unwrap();
    let mut deleted = BTreeSet::new();
    let mut cursor = None;
    loop {
        let batch = table.purge_batch(&errors, position, cursor, 5, now()).await.unwrap();
        deleted.extend(batch.deleted.iter().copied());
        cursor = batch.next.or(cursor);
        if batch.deleted.len() < 5 {
            break;
        }
    }
    let expected: BTreeSet<EventId> =
        before.iter().filter(|event| event.level == Level::Error).map(|event| event.id).collect();
    assert_eq!(deleted, expected);
    assert_eq!(walk(&table, &errors, 100).await.len(), 2);
    assert_eq!(walk(&table, &Filter::all_of("other".parse().unwrap()), 100).await.len(), 5);
}

async fn expiry_deletes_only_what_is_too_old(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let table = table_in(&fresh).await;
    let events: Vec<Event> = (0..20).map(|number| event("admin", number, 0)).collect();
    table.append(&events, now()).await.unwrap();
    let boundary = events[10].occurred_at;
    assert_eq!(table.expire_batch(boundary, 6).await.unwrap(), 6);
    assert_eq!(table.expire_batch(boundary, 6).await.unwrap(), 4);
    assert_eq!(table.expire_batch(boundary, 6).await.unwrap(), 0);
    assert_eq!(walk(&table, &everything(), 100).await.len(), 10);
}

/// Whoever has read up to a position never finds a new event below it later.
async fn positions_become_visible_in_order(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let (one, two, reader) = (table_in(&fresh).await, table_in(&fresh).await, table_in(&fresh).await);
    let write = async |table: &EventsTable, minute| {
        for number in 0..60 {
            let batch: Vec<Event> = (0..10).map(|_| event("admin", minute, number)).collect();
            table.append(&batch, now()).await.unwrap();
        }
    };
    let watch = async {
        loop {
            let position = reader.next_position().await.unwrap();
            let counted = reader.count(&everything(), position).await.unwrap();
            tokio::task::yield_now().await;
            assert_eq!(reader.count(&everything(), position).await.unwrap(), counted, "below {position}");
            if counted == 1200 {
                return;
            }
        }
    };
    tokio::join!(write(&one, 0), write(&two, 1), watch);
}

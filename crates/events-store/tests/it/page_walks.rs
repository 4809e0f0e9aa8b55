//! The places of walks over numbered pages: kept for their time, and no longer.

use std::time::Duration;

use event::{EventId, Filter, Timestamp};
use events_store::{Cursor, Start, Walker};
use fixtures::{DatabaseKind, FreshDatabase};

use crate::databases::table_in;

fixtures::on_both_databases!(
    a_walk_is_found_by_any_replica_for_its_time,
    a_client_that_begins_again_and_again_has_one_place
);

fn at(minute: u64) -> Timestamp {
    let now: Timestamp = "2018-07-01T12:00:00Z".parse().unwrap();
    now.minus(Duration::from_mins(600 - minute))
}

fn cursor(number: u64) -> Cursor {
    Cursor { occurred_at: at(number), id: EventId::from_bytes([7; 16]) }
}

fn walker(client: &str) -> Walker {
    Walker::new("admin", &Filter::all_of("admin".parse().unwrap()), 100, "a program", client)
}

async fn a_walk_is_found_by_any_replica_for_its_time(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let (one, other) = (table_in(&fresh).await.page_walks(), table_in(&fresh).await.page_walks());
    let (mine, start) = (walker("192.0.2.1"), Start::new(7, None));
    assert_eq!(one.find(mine, 2, at(0)).await.unwrap(), None);
    one.note(mine, 1, &start, Some(cursor(1)), at(0)).await.unwrap();
    let second = other.find(mine, 2, at(14)).await.unwrap().unwrap();
    assert_eq!((second.below_position, second.cursor), (7, Some(cursor(1))));
    other.note(mine, 2, &second, Some(cursor(2)), at(14)).await.unwrap();
    // The page before may be asked for again, and noting it twice does not move the walk.
    let again = one.find(mine, 2, at(15)).await.unwrap().unwrap();
    assert_eq!(again.cursor, Some(cursor(1)));
    one.note(mine, 2, &again, Some(cursor(9)), at(15)).await.unwrap();
    one.note(mine, 2, &second, Some(cursor(9)), at(15)).await.unwrap();
    assert_eq!(one.find(mine, 3, at(28)).await.unwrap().unwrap().cursor, Some(cursor(2)));
    assert_eq!(one.find(mine, 3, at(29)).await.unwrap(), None, "it has rested for 15 minutes");
    assert_eq!(one.forget(at(28)).await.unwrap(), 0);
    assert_eq!(one.forget(at(29)).await.unwrap(), 1);
}

async fn a_client_that_begins_again_and_again_has_one_place(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let walks = table_in(&fresh).await.page_walks();
    let (mine, others) = (walker("192.0.2.1"), walker("192.0.2.2"));
    for position in 1..5 {
        walks.note(mine, 1, &Start::new(position, None), Some(cursor(1)), at(0)).await.unwrap();
    }
    walks.note(others, 1, &Start::new(3, None), Some(cursor(3)), at(0)).await.unwrap();
    let found = walks.find(mine, 2, at(1)).await.unwrap().unwrap();
    assert_eq!(found.below_position, 4);
    // Its end is the end of its place.
    walks.note(mine, 2, &found, None, at(1)).await.unwrap();
    let copied = walks.find(mine, 2, at(1)).await.unwrap().unwrap();
    assert_eq!(copied.below_position, 3, "the same program at another address");
    assert_eq!(walks.forget(at(60)).await.unwrap(), 1);
}

//! A database that answers and takes no change: a standby, or one that an operator has set so.

use database::sea_orm::ConnectionTrait;
use database::{Database, DatabaseError};
use event::Timestamp;
use fixtures::{DatabaseKind, FreshDatabase};

use crate::databases::table_in;
use crate::table::event;

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_cannot_be_used_now_and_can_later() {
    let fresh = FreshDatabase::new(DatabaseKind::Postgres);
    let table = table_in(&fresh).await;
    let name = fresh.url.rsplit('/').next().expect("a name").to_owned();
    // A connection that is not bound by what it sets for the others.
    let operator = format!("{}?options=-c%20default_transaction_read_only%3Doff", fresh.url);
    let operator = Database::open(&operator.parse().expect("a URL")).expect("a database");
    let set = async |value: &str| {
        let statement = format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = {value}");
        operator.reader().execute_unprepared(&statement).await.expect("executed");
    };
    let now: Timestamp = "2018-07-01".parse().expect("a time");
    set("on").await;
    // What is set for a database holds for new connections.
    let database = Database::open(&fresh.url.parse().unwrap()).expect("a database");
    let read_only = events_store::EventsTable::new(database.clone());
    let error = read_only.append(&[event("admin", 0, 1)], now).await.expect_err("read-only");
    assert!(error.is_transient(), "{}", error.chain());
    let checked = database.check().await.expect_err("read-only");
    assert!(matches!(checked, DatabaseError::Unreachable { .. }), "{checked:?}");
    assert!(checked.chain().contains("it is read-only"), "{}", checked.chain());
    assert!(read_only.next_position().await.is_ok(), "it can be read");
    set("off").await;
    let database = Database::open(&fresh.url.parse().unwrap()).expect("a database");
    database.check().await.expect("it can be written");
    assert_eq!(table.append(&[event("admin", 0, 1)], now).await.expect("appended"), 1);
}

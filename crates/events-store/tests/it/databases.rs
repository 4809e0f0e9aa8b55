//! The table in a fresh database.

use database::Database;
use events_store::{EventsTable, Migrator};
use fixtures::FreshDatabase;

pub async fn table_in(fresh: &FreshDatabase) -> EventsTable {
    let database = Database::open(&fresh.url.parse().unwrap()).unwrap();
    database.migrate::<Migrator>().await.unwrap();
    EventsTable::new(database)
}

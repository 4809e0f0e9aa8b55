//! The tables of the store, in the order in which they came to be. A released migration is never edited.

use sea_orm::DynIden;
use sea_orm::sea_query::IntoIden;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m0001_create_events;
mod m0002_create_dead_letters;
mod m0003_create_page_walks;

/// Brings the store's tables up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_create_events::Migration),
            Box::new(m0002_create_dead_letters::Migration),
            Box::new(m0003_create_page_walks::Migration),
        ]
    }

    /// A table of its own, because other services may keep theirs in the same database.
    fn migration_table_name() -> DynIden {
        "events_store_migrations".into_iden()
    }
}

//! The tables of the catalog, in the order in which they came to be. A released migration is never edited.

use sea_orm::DynIden;
use sea_orm::sea_query::IntoIden;
use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m0001_create_watches;

/// Brings the catalog's tables up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_create_watches::Migration)]
    }

    /// A table of its own, because other services may keep theirs in the same database.
    fn migration_table_name() -> DynIden {
        "catalog_migrations".into_iden()
    }
}

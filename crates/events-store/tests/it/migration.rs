//! Bringing the schema up to date.

use database::{Database, DatabaseError};
use events_store::Migrator;
use fixtures::{DatabaseKind, FreshDatabase};
use sea_orm::ConnectionTrait;

fixtures::on_both_databases!(replicas_that_start_together_migrate_once, a_schema_of_a_newer_release_is_refused);

async fn replicas_that_start_together_migrate_once(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let migrate = async || Database::open(&fresh.url.parse().unwrap()).unwrap().migrate::<Migrator>().await;
    let (one, two, three) = tokio::join!(migrate(), migrate(), migrate());
    for result in [one, two, three] {
        result.unwrap();
    }
    assert!(Database::open(&fresh.url.parse().unwrap()).unwrap().is_migrated::<Migrator>().await.unwrap());
}

async fn a_schema_of_a_newer_release_is_refused(kind: DatabaseKind) {
    let fresh = FreshDatabase::new(kind);
    let database = Database::open(&fresh.url.parse().unwrap()).unwrap();
    assert!(!database.is_migrated::<Migrator>().await.unwrap());
    database.migrate::<Migrator>().await.unwrap();
    let later = "INSERT INTO events_store_migrations (version, applied_at) VALUES ('m9999_from_the_future', 0)";
    let transaction = database.begin_write().await.unwrap();
    transaction.execute_unprepared(later).await.unwrap();
    transaction.commit().await.unwrap();
    for refused in [database.migrate::<Migrator>().await, database.is_migrated::<Migrator>().await.map(drop)] {
        let Err(DatabaseError::SchemaTooNew { newest }) = refused else { panic!("{refused:?}") };
        assert!(newest.contains("m9999_from_the_future"), "{newest}");
    }
}

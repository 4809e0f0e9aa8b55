//! Bringing the schema up to date, by itself.

use std::process::ExitCode;

use anyhow::Context;
use database::sea_orm_migration::MigratorTrait;
use database::{Database, DatabaseError, DatabaseUrl};

use crate::config::Config;
use crate::ground::prepare_data_dir;

/// Applies what is missing of every service, and tells.
pub async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    if matches!(config.database, DatabaseUrl::Sqlite(_)) {
        prepare_data_dir(&config.data_dir)?;
    }
    let database = Database::open(&config.database).context("database.url")?;
    let store = bring_up_to_date::<events_store::Migrator>(&database).await;
    let notifier = bring_up_to_date::<notifier::Migrator>(&database).await;
    let policy_engine = bring_up_to_date::<policy_engine::Migrator>(&database).await;
    let changed = store.and_then(|store| Ok(store | notifier? | policy_engine?));
    let changed = changed.map_err(|error| anyhow::anyhow!("{}: {}", config.database, error.chain()))?;
    println!("{} {}", config.database, if changed { "was brought up to date" } else { "is up to date" });
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Returns whether anything was missing.
async fn bring_up_to_date<M: MigratorTrait>(database: &Database) -> Result<bool, DatabaseError> {
    if database.is_migrated::<M>().await? {
        return Ok(false);
    }
    database.migrate::<M>().await?;
    Ok(true)
}

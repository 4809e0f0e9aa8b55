//! Bringing the schema up to date, by itself.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use database::sea_orm_migration::MigratorTrait;
use database::{Database, DatabaseError, DatabaseUrl};

use crate::config::Config;
use crate::ground::prepare_data_dir;

/// Applies what is missing, and tells.
pub async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    if matches!(config.database, DatabaseUrl::Sqlite(_)) {
        prepare_data_dir(&config.data_dir)?;
    }
    let database = Database::open(&config.database).context("database.url")?;
    let changed = migrate_all(&database).await;
    let changed = changed.map_err(|error| anyhow!("{}: {}", config.database, error.chain()))?;
    println!("{} {}", config.database, if changed { "was brought up to date" } else { "is up to date" });
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The tables of every service that has some. Returns whether any was not up to date.
async fn migrate_all(database: &Database) -> Result<bool, DatabaseError> {
    let store = migrate_one::<events_store::Migrator>(database).await?;
    let analyzer = migrate_one::<analyzer::Migrator>(database).await?;
    Ok(store || analyzer)
}

async fn migrate_one<M: MigratorTrait>(database: &Database) -> Result<bool, DatabaseError> {
    if database.is_migrated::<M>().await? {
        return Ok(false);
    }
    database.migrate::<M>().await?;
    Ok(true)
}

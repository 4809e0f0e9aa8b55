//! Bringing the schema up to date, by itself.

use std::process::ExitCode;

use anyhow::Context;
use database::{Database, DatabaseUrl};

use crate::config::Config;
use crate::ground::prepare_data_dir;

/// Applies what is missing, and tells.
pub async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    if matches!(config.database, DatabaseUrl::Sqlite(_)) {
        prepare_data_dir(&config.data_dir)?;
    }
    let database = Database::open(&config.database).context("database.url")?;
    let was_migrated = database.is_migrated::<events_store::Migrator>().await;
    let was_migrated = was_migrated.map_err(|error| anyhow::anyhow!("{}: {}", config.database, error.chain()))?;
    if was_migrated {
        println!("{} is up to date", config.database);
    } else {
        let migrated = database.migrate::<events_store::Migrator>().await;
        migrated.map_err(|error| anyhow::anyhow!("{}: {}", config.database, error.chain()))?;
        println!("{} was brought up to date", config.database);
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

//! Bringing the schema up to date, by itself.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use database::sea_orm_migration::MigratorTrait;
use database::{Database, DatabaseUrl};

use crate::config::Config;
use crate::ground::prepare_data_dir;

/// Applies what is missing of every service, and tells.
pub async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    if matches!(config.database, DatabaseUrl::Sqlite(_)) {
        prepare_data_dir(&config.data_dir)?;
    }
    let database = Database::open(&config.database).context("database.url")?;
    let mut is_changed = false;
    is_changed |= bring_up_to_date::<events_store::Migrator>(&database, config).await?;
    is_changed |= bring_up_to_date::<catalog::Migrator>(&database, config).await?;
    is_changed |= bring_up_to_date::<notifier::Migrator>(&database, config).await?;
    is_changed |= bring_up_to_date::<policy_engine::Migrator>(&database, config).await?;
    is_changed |= bring_up_to_date::<analyzer::Migrator>(&database, config).await?;
    let said = if is_changed { "was brought up to date" } else { "is up to date" };
    println!("{} {said}", config.database);
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Whether anything was missing.
async fn bring_up_to_date<M: MigratorTrait>(database: &Database, config: &Config) -> anyhow::Result<bool> {
    let failed = |error: database::DatabaseError| anyhow!("{}: {}", config.database, error.chain());
    let was_migrated = database.is_migrated::<M>().await.map_err(failed)?;
    if !was_migrated {
        database.migrate::<M>().await.map_err(failed)?;
    }
    Ok(!was_migrated)
}

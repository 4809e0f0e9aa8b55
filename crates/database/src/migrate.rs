//! Bringing a schema up to date.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::MigratorTrait;
use tracing::info;

use crate::{Database, DatabaseError};

/// Taken while a schema is migrated, so that replicas that start together migrate one after the other. Any constant
/// will do; this one is the ASCII text `evtlogmg`.
const POSTGRES_LOCK: i64 = 0x6576_746c_6f67_6d67;

impl Database {
    /// Makes the tables of `M`, or, unless it may `migrate`, sees that somebody has made them.
    ///
    /// # Errors
    /// [`DatabaseError::SchemaTooOld`] where nobody has, [`DatabaseError::SchemaTooNew`] as in [`Self::migrate`].
    pub async fn prepare<M: MigratorTrait>(&self, migrate: bool) -> Result<(), DatabaseError> {
        if migrate {
            return self.migrate::<M>().await;
        }
        if self.is_migrated::<M>().await? { Ok(()) } else { Err(DatabaseError::SchemaTooOld) }
    }

    /// Applies the migrations of `M` that are not applied yet, all of them or none.
    ///
    /// # Errors
    /// [`DatabaseError::SchemaTooNew`] when the database has migrations that `M` does not know.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), DatabaseError> {
        let transaction = self.begin_write().await?;
        if !self.is_sqlite() {
            transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({POSTGRES_LOCK})")).await?;
        }
        M::install(&transaction).await?;
        let pending = pending::<M>(&M::get_migration_models(&transaction).await?)?;
        if !pending.is_empty() {
            let table = M::migration_table_name().to_string();
            info!(migration_table = table, migrations = pending.join(", "), "bringing the database schema up to date");
            M::up(&transaction, None).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Whether the schema of `M` is complete; changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError::SchemaTooNew`] as in [`Self::migrate`].
    pub async fn is_migrated<M: MigratorTrait>(&self) -> Result<bool, DatabaseError> {
        let applied = match M::get_applied_migrations_read_only(self.reader()).await {
            Ok(applied) => applied.len(),
            // The one error of sea-orm's own making here: it quotes an applied migration that `M` does not have.
            Err(DbErr::Custom(text)) => {
                let newest = text.split('\'').nth(1).unwrap_or(&text).to_owned();
                return Err(DatabaseError::SchemaTooNew { newest });
            }
            Err(error) => return Err(self.explain(error).await),
        };
        Ok(applied == M::migrations().len())
    }
}

/// The names of the migrations of `M` that are not among `applied`.
fn pending<M: MigratorTrait>(
    applied: &[sea_orm_migration::seaql_migrations::Model],
) -> Result<Vec<String>, DatabaseError> {
    let known: Vec<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied: HashSet<&str> = applied.iter().map(|model| model.version.as_str()).collect();
    if let Some(newest) = applied.iter().filter(|name| known.iter().all(|known| known != *name)).max() {
        return Err(DatabaseError::SchemaTooNew { newest: (*newest).to_owned() });
    }
    Ok(known.into_iter().filter(|name| !applied.contains(name.as_str())).collect())
}

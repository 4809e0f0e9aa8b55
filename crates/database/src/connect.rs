//! Pools of connections, and transactions that write.

use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions, Connection, SqliteConnection};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, SqlxError,
    SqlxPostgresConnector, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};

use crate::error::is_pool_timeout;
use crate::{DatabaseError, DatabaseUrl};

/// Most connections a process opens for reading; writers on SQLite take one more.
const CONNECTIONS_MAX: u32 = 8;
/// How long a call waits for a free connection, or for a server to answer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the search for the reason may take.
const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a writer waits for its turn on SQLite: behind a long batch it is not in trouble.
const WRITER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long SQLite waits for another writer of the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database to read and write.
///
/// SQLite has one writer at a time, so writes go through a pool of one connection and never fail as busy; reads have
/// connections of their own and, in WAL mode, neither wait for the writer nor hold it up. On PostgreSQL both are one
/// pool.
#[derive(Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// How to reach the server, where there is one.
    server: Option<PgConnectOptions>,
}

/// Whether a connection may be used again. On a full disk SQLite can fail to end a transaction, by commit and by rollback
/// alike. On such a connection the next transaction would be a savepoint within the old one: its commit would succeed,
/// and be worth nothing. So it is closed instead, which ends what it had begun.
async fn is_out_of_transactions(connection: &mut SqliteConnection) -> Result<bool, SqlxError> {
    // A rollback that was left to the connection is done before it answers.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// `host:port`.
fn address(server: &PgConnectOptions) -> String {
    format!("{}:{}", server.get_host(), server.get_port())
}

impl Database {
    /// A database that connects when it is first used, so this never fails for a server that is away.
    ///
    /// Every commit on SQLite is synced to the disk (`synchronous=FULL`): with `NORMAL` a power loss may take back the
    /// last commits, and what we have confirmed would be a lie.
    pub fn open(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        match url {
            DatabaseUrl::Sqlite(file) => {
                let options = SqliteConnectOptions::new()
                    .filename(file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(BUSY_TIMEOUT)
                    .foreign_keys(true);
                let pool = |connections_max| {
                    SqlitePoolOptions::new()
                        .max_connections(connections_max)
                        .acquire_timeout(ACQUIRE_TIMEOUT)
                        .after_release(|connection, _| Box::pin(is_out_of_transactions(connection)))
                };
                let writer = pool(1).acquire_timeout(WRITER_TIMEOUT).connect_lazy_with(options.clone());
                let reader = pool(CONNECTIONS_MAX).connect_lazy_with(options.pragma("query_only", "on"));
                Ok(Self {
                    writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
                    reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
                    server: None,
                })
            }
            DatabaseUrl::Postgres(url) => {
                let options: PgConnectOptions = url.parse()?;
                let options = options.application_name("anchore-events");
                let pool = PgPoolOptions::new()
                    .max_connections(CONNECTIONS_MAX)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .connect_lazy_with(options.clone());
                let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
                Ok(Self { writer: pool.clone(), reader: pool, server: Some(options) })
            }
        }
    }

    /// For queries.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that will write. On SQLite it takes the write lock at once: a transaction that begins by
    /// reading and writes later can be refused in the middle.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, DatabaseError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let options = if self.is_sqlite() { options } else { TransactionOptions::default() };
        match self.writer.begin_with_options(options).await {
            Ok(transaction) => Ok(transaction),
            Err(error) => Err(self.explain(error).await),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.writer.get_database_backend(), sea_orm::DbBackend::Sqlite)
    }

    /// Whether the database answers now, and a server takes changes: a standby, or one that an operator has set so, is
    /// read-only.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        if let Err(error) = self.reader.ping().await {
            return Err(self.explain(error).await);
        }
        let Some(server) = &self.server else { return Ok(()) };
        let asked = Statement::from_string(self.reader.get_database_backend(), "SHOW transaction_read_only");
        let answer = match self.reader.query_one_raw(asked).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(error).await),
        };
        let is_read_only = answer.is_some_and(|row| row.try_get_by_index::<String>(0).is_ok_and(|word| word == "on"));
        if is_read_only {
            return Err(DatabaseError::Unreachable { address: address(server), reason: "it is read-only".to_owned() });
        }
        Ok(())
    }

    /// A pool only says that its time is over; one connection of our own says why.
    pub(crate) async fn explain(&self, error: DbErr) -> DatabaseError {
        let (true, Some(server)) = (is_pool_timeout(&error), &self.server) else { return error.into() };
        let address = address(server);
        let reason = match tokio::time::timeout(EXPLAIN_TIMEOUT, server.connect()).await {
            Ok(Ok(connection)) => {
                // It can be reached by now, or all connections are in use.
                let _ = connection.close().await;
                return error.into();
            }
            Ok(Err(reason)) => reason.to_string(),
            Err(_) => format!("no answer within {} s", EXPLAIN_TIMEOUT.as_secs()),
        };
        DatabaseError::Unreachable { address, reason }
    }

    /// Waits for running statements, then closes every connection.
    pub async fn close(&self) {
        // A pool that cannot be closed in good order is closed by the end of the process.
        let _ = self.writer.close_by_ref().await;
        let _ = self.reader.close_by_ref().await;
    }
}

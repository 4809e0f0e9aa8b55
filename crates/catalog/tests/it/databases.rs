//! A fresh database of either kind.

use std::sync::OnceLock;

use database::DatabaseUrl;
use fixtures::PostgresServer;
use tempfile::TempDir;

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database that goes away with it.
pub struct Fresh {
    pub url: DatabaseUrl,
    _directory: TempDir,
}

impl Fresh {
    pub fn new(kind: Kind) -> Self {
        static POSTGRES: OnceLock<PostgresServer> = OnceLock::new();
        let directory = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Sqlite => DatabaseUrl::sqlite(directory.path().join("events.db")),
            Kind::Postgres => POSTGRES.get_or_init(PostgresServer::start).create_database().parse().unwrap(),
        };
        Self { url, _directory: directory }
    }
}

/// Runs an async test once for each kind of database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::databases::Kind::Sqlite).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::databases::Kind::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both;

//! The PostgreSQL server.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use database::Database;
use database::sea_orm::ConnectionTrait;
use fixtures::PostgresServer;
use tokio::sync::Mutex;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::fault::StopMode;
use crate::process::signal;
use crate::process_table;

const STOP_WAIT: Duration = Duration::from_secs(30);

pub struct Postgres {
    server: Mutex<PostgresServer>,
    port: u16,
    /// The database's name in it.
    name: String,
}

impl Postgres {
    pub fn start() -> Self {
        let server = block_in_place(PostgresServer::start);
        let url = block_in_place(|| server.create_database());
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        Self { port: server.port(), server: Mutex::new(server), name }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As it is reached through `port`.
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{}", self.name)
    }

    pub async fn kill(&self) {
        let mut server = self.server.lock().await;
        block_in_place(|| server.kill());
    }

    pub async fn restart(&self) {
        let mut server = self.server.lock().await;
        block_in_place(|| server.restart());
    }

    /// Tells it to stop and waits until it has.
    pub async fn stop(&self, mode: StopMode) -> Result<()> {
        let pid = self.pid()?;
        signal(pid, mode.signal())?;
        let deadline = Instant::now() + STOP_WAIT;
        while !process_table::has_ended(pid) {
            if Instant::now() > deadline {
                bail!("postgres does not stop on SIG{}", mode.signal());
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.kill().await;
        Ok(())
    }

    /// Whether transactions may write.
    pub async fn set_read_only(&self, is_read_only: bool) -> Result<()> {
        self.configure("default_transaction_read_only", is_read_only.then_some("on")).await
    }

    /// Whether a commit is answered. If not, it is durable, and whoever has asked for it waits for a standby that never
    /// comes.
    pub async fn answer_commits(&self, answers: bool) -> Result<()> {
        self.configure("synchronous_standby_names", (!answers).then_some("nobody")).await
    }

    /// Sets a setting of the server, or takes it back.
    async fn configure(&self, setting: &str, value: Option<&str>) -> Result<()> {
        let url = self.url_through(self.port);
        // Not bound itself by what it sets for the others.
        let url = format!("{url}?options=-c%20default_transaction_read_only%3Doff%20-c%20synchronous_commit%3Dlocal");
        let database = Database::open(&url.parse()?).map_err(|error| anyhow!(error.chain()))?;
        let change = match value {
            Some(value) => format!("ALTER SYSTEM SET {setting} = '{value}'"),
            None => format!("ALTER SYSTEM RESET {setting}"),
        };
        for statement in [change.as_str(), "SELECT pg_reload_conf()"] {
            database.reader().execute_unprepared(statement).await.with_context(|| statement.to_owned())?;
        }
        database.close().await;
        Ok(())
    }

    pub fn pid(&self) -> Result<u32> {
        process_table::child("postgres", &self.port.to_string())
    }
}

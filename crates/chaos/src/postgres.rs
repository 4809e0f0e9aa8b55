//! The PostgreSQL server.

use std::time::Duration;

use anyhow::{Result, bail};
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

    pub fn pid(&self) -> Result<u32> {
        process_table::child("postgres", &self.port.to_string())
    }
}

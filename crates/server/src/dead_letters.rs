//! Messages that could not be stored as events: an operator's way to them, straight to the database, so that it works
//! while the services are down as well.

use std::process::ExitCode;

use anyhow::{Context, anyhow};
use database::{Database, DatabaseError, DatabaseUrl};
use event::{Clock, SystemClock};
use events_store::{DeadLetters, Migrator, Retried};

use crate::arguments::DeadLettersAction;
use crate::config::Config;

/// Exit 0 when it was done, 1 when not, and why.
pub async fn act(config: &Config, action: Option<DeadLettersAction>) -> anyhow::Result<ExitCode> {
    // Opening it would make one, in the wrong place.
    if let DatabaseUrl::Sqlite(file) = &config.database
        && !file.exists()
    {
        return Err(anyhow!(
            "{}: there is no such file; name the place of the data by --data-dir or --config",
            config.database
        ));
    }
    let database = Database::open(&config.database).context("database.url")?;
    let at_database = |error: DatabaseError| anyhow!("{}: {}", config.database, error.chain());
    database.prepare::<Migrator>(false).await.map_err(at_database)?;
    let letters = DeadLetters::new(database.clone());
    let done = match action.unwrap_or(DeadLettersAction::List) {
        DeadLettersAction::List => list(&letters).await.map_err(at_database)?,
        DeadLettersAction::Retry { id } => {
            let retried = letters.retry(&id, SystemClock.now()).await.map_err(at_database)?;
            match &retried {
                Retried::Stored => println!("stored {id}"),
                Retried::Refused(reason) => println!("{id} still cannot be stored: {reason}"),
                Retried::Unknown => println!("there is no dead letter `{id}`"),
            }
            retried == Retried::Stored
        }
        DeadLettersAction::Drop { id } => {
            let dropped = letters.drop(&id).await.map_err(at_database)?;
            println!("{}", if dropped { format!("dropped {id}") } else { format!("there is no dead letter `{id}`") });
            dropped
        }
    };
    database.close().await;
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn list(letters: &DeadLetters) -> Result<bool, DatabaseError> {
    let listed = letters.list().await?;
    if listed.is_empty() {
        println!("no dead letters");
    }
    for letter in listed {
        println!("{}  {}  {} bytes  {}", letter.put_aside_at, letter.id, letter.payload.len(), letter.subject);
        println!("    {}", letter.reason);
    }
    Ok(true)
}

//! The log on this machine and the consumers of the bus, as an operator sees them; also while the services run, and while
//! they do not.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use bus_local::Inspection;
use bus_nats::{Forgotten, NatsBus, NatsConfig};

use crate::arguments::BusAction;
use crate::config::{BusKind, Config};
use crate::ground::log_path;

/// Exit 0 when it was done, 1 when not, and why.
pub async fn act(config: &Config, action: Option<BusAction>) -> anyhow::Result<ExitCode> {
    let path = log_path(config);
    let done = match action.unwrap_or(BusAction::Show) {
        BusAction::Show => show(config, &path).await?,
        BusAction::Forget { consumer } => forget(config, &path, &consumer).await?,
        BusAction::Retry { ids, all } => retry(&path, ids, all).await?,
        BusAction::Drop { ids } => drop_for_good(&path, ids).await?,
    };
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn show(config: &Config, path: &Path) -> anyhow::Result<bool> {
    let mut log = open(path).await?;
    println!("log {}", path.display());
    for place in log.consumers().await.map_err(at_bus)? {
        println!("  consumer {}: {} messages behind", place.consumer, place.behind);
    }
    let aside = log.put_aside().await.map_err(at_bus)?;
    if aside.is_empty() {
        println!("  nothing is put aside");
    }
    for message in aside {
        let again = if message.is_wanted_again { "  (to be sent again)" } else { "" };
        println!(
            "  put aside {}  {}  {} bytes  {}{again}",
            message.put_aside_at, message.id, message.payload_bytes, message.subject
        );
        println!("      published {}; {}", message.added_at, message.reason);
    }
    log.close().await;
    if let BusKind::Nats(nats) = &config.bus.kind {
        println!("stream {}", nats.stream.name);
        for reader in connect(nats).await?.readers().await.map_err(at_bus)? {
            let read = if reader.is_read { "" } else { ", nobody asks at this moment" };
            println!("  consumer {}: {} to deliver, {} to settle{read}", reader.name, reader.pending, reader.unsettled);
        }
    }
    Ok(true)
}

/// On the stream with NATS, where services have their places; in the log otherwise.
async fn forget(config: &Config, path: &Path, consumer: &str) -> anyhow::Result<bool> {
    let forgotten = match &config.bus.kind {
        BusKind::Nats(nats) => connect(nats).await?.forget(consumer).await.map_err(at_bus)?,
        BusKind::Local => {
            let mut log = open(path).await?;
            let was_there = log.forget(consumer).await.map_err(at_bus)?;
            log.close().await;
            if was_there { Forgotten::Done } else { Forgotten::Unknown }
        }
    };
    match forgotten {
        Forgotten::Done => println!("forgot {consumer}; a service that reads as it takes its place again"),
        Forgotten::IsRead => println!("{consumer} is read at this moment, so it is not forgotten"),
        Forgotten::Unknown => println!("there is no consumer `{consumer}`"),
    }
    Ok(forgotten == Forgotten::Done)
}

async fn retry(path: &Path, ids: Vec<String>, all: bool) -> anyhow::Result<bool> {
    let mut log = open(path).await?;
    let ids =
        if all { log.put_aside().await.map_err(at_bus)?.into_iter().map(|message| message.id).collect() } else { ids };
    let mut all_were_there = true;
    for id in ids {
        let was_there = log.retry(&id).await.map_err(at_bus)?;
        println!("{}", if was_there { format!("{id} will be sent again") } else { unknown(&id) });
        all_were_there &= was_there;
    }
    log.close().await;
    Ok(all_were_there)
}

async fn drop_for_good(path: &Path, ids: Vec<String>) -> anyhow::Result<bool> {
    let mut log = open(path).await?;
    let mut all_were_there = true;
    for id in ids {
        let was_there = log.drop(&id).await.map_err(at_bus)?;
        println!("{}", if was_there { format!("dropped {id}") } else { unknown(&id) });
        all_were_there &= was_there;
    }
    log.close().await;
    Ok(all_were_there)
}

fn unknown(id: &str) -> String {
    format!("no message `{id}` is put aside")
}

async fn open(path: &Path) -> anyhow::Result<Inspection> {
    Inspection::open(path).await.map_err(at_bus).context("data_dir")
}

async fn connect(nats: &NatsConfig) -> anyhow::Result<std::sync::Arc<NatsBus>> {
    NatsBus::connect(nats.clone()).await.map_err(at_bus)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn at_bus(error: ::bus::BusError) -> anyhow::Error {
    anyhow!(error.chain())
}

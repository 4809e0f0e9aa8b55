//! Tells the event log that somebody wants its webhooks.

use std::time::Duration;

use anyhow::Context;
use outbound::Url;
use tokio::process::Command;

const ENDPOINT: &str = "demo";
/// Of the demo's emitters: what else happens is nobody's business here.
const HOST: &str = "demo";
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// As a user would: `anchore-cli webhook add`, until it works or was done before. Where the event log is, and as whom to
/// ask, stands in the environment.
pub async fn subscribe(url: &Url) -> anyhow::Result<()> {
    loop {
        let mut add = Command::new("anchore-cli");
        let output = add.args(["webhook", "add", ENDPOINT, url.as_str(), "--host", HOST]).output().await;
        let output = output.context("cannot start anchore-cli")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || said.contains("already") {
            println!("webhooks about events of the host `{HOST}` go to {url}");
            return Ok(());
        }
        println!("cannot add a webhook yet: {}", said.trim());
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

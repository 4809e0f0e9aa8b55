//! What somebody would do first: have webhooks sent to a receiver, and images analysed.

use std::time::Duration;

use anyhow::Context;
use outbound::Url;
use tokio::process::Command;

const ENDPOINT: &str = "demo";
/// Of the demo's emitters: what else happens is nobody's business here.
const HOST: &str = "demo";
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// By `anchore-cli`, which finds in its environment where the event log is, and as whom to ask.
pub async fn set_up(receiver: &Url, images: &[String]) -> anyhow::Result<()> {
    run(&["webhook", "add", ENDPOINT, receiver.as_str(), "--host", HOST]).await?;
    println!("webhooks about events of the host `{HOST}` go to {receiver}");
    for image in images {
        run(&["image", "add", "--plain-http", image]).await?;
        println!("{image} is to be analysed");
    }
    Ok(())
}

/// Until it works, or was done before.
async fn run(arguments: &[&str]) -> anyhow::Result<()> {
    loop {
        let output = Command::new("anchore-cli").args(arguments).output().await.context("cannot start anchore-cli")?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() || said.contains("already") {
            return Ok(());
        }
        println!("anchore-cli {}: {}", arguments.join(" "), said.trim());
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

//! What PostgreSQL does.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::fault::StopMode;
use crate::stack::Stack;

pub async fn stop(stack: &Stack, mode: StopMode, down: Duration) -> Result<()> {
    let postgres = stack.postgres()?;
    postgres.stop(mode).await?;
    sleep(down).await;
    postgres.restart().await;
    Ok(())
}

/// Whoever commits has a commit that is durable, and hears that the server is gone.
pub async fn stop_mid_commit(stack: &Stack, mode: StopMode, unanswered: Duration, down: Duration) -> Result<()> {
    let postgres = stack.postgres()?;
    postgres.answer_commits(false).await?;
    sleep(unanswered).await;
    stop(stack, mode, down).await?;
    postgres.answer_commits(true).await
}

pub async fn read_only(stack: &Stack, held: Duration) -> Result<()> {
    let postgres = stack.postgres()?;
    postgres.set_read_only(true).await?;
    sleep(held).await;
    postgres.set_read_only(false).await
}

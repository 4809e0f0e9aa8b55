//! Stopping in good order.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long services may take to finish what they have in hand.
pub const GRACE: Duration = Duration::from_secs(10);

/// The exit code of a stop that was not waited for: 128 plus SIGINT, as shells count.
const STOPPED_AT_ONCE: i32 = 130;

/// Cancels `stop` at the first SIGINT or SIGTERM; a second one ends the process at once: what was not confirmed comes
/// back at the next start.
pub async fn on_signal(stop: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut wait = async || tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    };
    let name = wait().await;
    info!(signal = name, grace_s = GRACE.as_secs(), "stopping; a second signal stops at once");
    stop.cancel();
    let name = wait().await;
    warn!(signal = name, "stopped at once");
    std::process::exit(STOPPED_AT_ONCE);
}

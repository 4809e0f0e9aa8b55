//! Stopping in good order.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long services may take to finish what they have in hand.
pub const GRACE: Duration = Duration::from_secs(10);

/// The exit code of a stop that was not waited for: 128 plus SIGINT, as shells count.
const STOPPED_AT_ONCE: i32 = 130;

/// The signals that ask a process to stop.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on a signal no longer ends the process by itself.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Cancels `stop` at the first SIGINT or SIGTERM; a second one ends the process at once: what was not confirmed
    /// comes back at the next start.
    pub async fn obey(mut self, stop: CancellationToken) {
        let name = self.next().await;
        info!(signal = name, grace_s = GRACE.as_secs(), "stopping; a second signal stops at once");
        stop.cancel();
        let name = self.next().await;
        warn!(signal = name, "stopped at once");
        std::process::exit(STOPPED_AT_ONCE);
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

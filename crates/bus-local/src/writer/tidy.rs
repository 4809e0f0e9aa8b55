//! What the writer does between requests.

use tokio::time::Instant;

use super::{TIDY_INTERVAL, Writer};
use crate::trim::trim;

impl Writer {
    /// Stores positions left over from a failure, deletes a chunk of what nobody needs, gives space back to the disk.
    /// Comes again at once while there is more to do, but only when no request waits.
    pub(super) async fn tidy(&mut self) {
        self.tidy_at = Instant::now() + TIDY_INTERVAL;
        if self.commit(&[]).await.map(|committed| self.note(&committed)).is_err() {
            return;
        }
        let settled_by_all = self.shared.consumers().iter().map(|consumer| consumer.progress().stored_through()).min();
        let known_until = self.config.clock.now().minus(self.config.dedupe_window);
        let trimmed = match self.connection().await {
            Ok(connection) => trim(connection, settled_by_all, known_until).await,
            Err(error) => Err(error),
        };
        match trimmed {
            Ok(true) => self.tidy_at = Instant::now(),
            Ok(false) => {}
            Err(error) => {
                self.fail(error);
            }
        }
    }
}

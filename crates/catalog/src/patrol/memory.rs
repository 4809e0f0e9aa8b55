//! What is remembered of a watch from one step to the next, and from one process to the next.

use std::collections::BTreeMap;

use event::Timestamp;
use oci_registry::TagName;
use uuid::Uuid;

use super::Patrol;
use crate::concern::Owner;
use crate::meaning::Meaning;

/// What is known about a watch, as it is kept.
pub(super) struct Known {
    pub(super) id: Uuid,
    pub(super) seen_at: Option<Timestamp>,
    pub(super) last_success_at: Option<Timestamp>,
    pub(super) swept_at: Option<Timestamp>,
    /// When the two above were kept.
    pub(super) kept_at: Option<Timestamp>,
    pub(super) tags: BTreeMap<TagName, Meaning>,
}

impl Patrol {
    /// Reads what was kept, once there is something to read it from.
    pub(super) async fn remember(&mut self) {
        let Some(tables) = self.surroundings.gate.usable().filter(|_| self.known.is_none()) else { return };
        let key = &self.post.watch.key;
        let read = async {
            let Some(watch) = tables.find(key).await? else { return Ok(None) };
            let tags = tables.tags(watch.id).await?;
            let failures = tables.failures(&Owner::Watch(watch.id)).await?;
            let rate = Owner::Registry(key.repository.registry().clone(), key.account.clone());
            Ok(Some((watch, tags, failures, tables.failures(&rate).await?)))
        };
        match read.await {
            Ok(Some((watch, tags, failures, rates))) => {
                self.ailments.remember(failures);
                let mut rate = self.rate.lock().await;
                if !std::mem::replace(&mut rate.is_remembered, true) {
                    rate.ailments.remember(rates);
                }
                drop(rate);
                self.schedule.remember_sweep(
                    watch.swept_at,
                    self.surroundings.clock.now(),
                    self.surroundings.image_watcher,
                );
                self.known = Some(Known {
                    id: watch.id,
                    seen_at: watch.seen_at,
                    last_success_at: watch.last_success_at,
                    swept_at: watch.swept_at,
                    kept_at: watch.last_success_at,
                    tags,
                });
                self.show_status();
            }
            // It is not there yet, or not any more; whoever deletes it stops this patrol.
            Ok(None) => {}
            Err(error) => self.database_failed(&error),
        }
    }
}

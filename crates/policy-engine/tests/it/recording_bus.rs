//! A bus for the seam: shows what was published.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bus::{Bus, BusError, Consumer, ConsumerSpec, Outgoing, Receipt};
use event::Event;

#[derive(Default)]
pub struct RecordingBus {
    /// Every publication, repeated ones too.
    pub events: Mutex<Vec<Event>>,
    /// While this is set, nothing can be published.
    pub is_down: AtomicBool,
}

#[async_trait]
impl Bus for RecordingBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let publish = |message: Outgoing| {
            if self.is_down.load(Ordering::SeqCst) {
                return Err(BusError::unavailable("down for the test"));
            }
            self.events.lock().unwrap().push(proto::decode_payload(&message.payload).unwrap());
            Ok(Receipt { duplicate: false })
        };
        outgoing.into_iter().map(publish).collect()
    }

    async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        unreachable!("the policy-engine reads nothing")
    }

    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}

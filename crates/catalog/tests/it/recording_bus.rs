//! A bus for the seam: shows what was published.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bus::{AnalysisJob, Bus, BusError, Consumer, ConsumerSpec, Outgoing, Receipt, Topic};
use event::Event;
use tokio::sync::mpsc::UnboundedSender;

pub struct RecordingBus {
    events: UnboundedSender<Event>,
    jobs: UnboundedSender<AnalysisJob>,
    /// While this is set, nothing can be published.
    pub is_down: AtomicBool,
    /// While this is set, what is published is seen and never confirmed.
    pub is_silent: AtomicBool,
    /// What a bus knows duplicates by.
    ids: Mutex<HashSet<String>>,
}

impl RecordingBus {
    pub fn new(events: UnboundedSender<Event>, jobs: UnboundedSender<AnalysisJob>, is_down: bool) -> Self {
        Self {
            events,
            jobs,
            is_down: AtomicBool::new(is_down),
            is_silent: AtomicBool::new(false),
            ids: Mutex::default(),
        }
    }
}

#[async_trait]
impl Bus for RecordingBus {
    async fn publish(&self, outgoing: Vec<Outgoing>) -> Vec<Result<Receipt, BusError>> {
        let publish = |message: Outgoing| {
            if self.is_down.load(Ordering::SeqCst) {
                return Err(BusError::unavailable("down for the test"));
            }
            if !self.ids.lock().unwrap().insert(message.id.clone()) {
                return Ok(Receipt { duplicate: true });
            }
            // A test that has seen enough no longer listens.
            if Topic::AnalysisJobs.holds(&message.subject) {
                let _ = self.jobs.send(AnalysisJob::decode(&message.payload).unwrap());
            } else {
                let _ = self.events.send(proto::decode_payload(&message.payload).unwrap());
            }
            Ok(Receipt { duplicate: false })
        };
        let receipts = outgoing.into_iter().map(publish).collect();
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        receipts
    }

    async fn consumer(&self, _spec: &ConsumerSpec) -> Result<Arc<dyn Consumer>, BusError> {
        unreachable!("the catalog reads nothing")
    }

    async fn check(&self) -> Result<(), BusError> {
        Ok(())
    }
}

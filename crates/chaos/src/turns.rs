//! Whose turn it is to hit a target: a server may take longer to come back than was planned, and the next fault waits.

use std::collections::BTreeMap;

use tokio::sync::{Mutex, MutexGuard};

use crate::fault::Fault;
use crate::shape::Shape;
use crate::target::Target;

pub struct Turns {
    nats: u8,
    targets: BTreeMap<Target, Mutex<()>>,
}

impl Turns {
    pub fn new(shape: Shape) -> Self {
        let targets = shape.processes().into_iter().map(|target| (target, Mutex::default())).collect();
        Self { nats: shape.nats_servers(), targets }
    }

    /// Waits until no other fault holds what `fault` hits, and keeps it from others until the answer is dropped.
    pub async fn wait_for(&self, fault: &Fault) -> Vec<MutexGuard<'_, ()>> {
        let hits = fault.hits(self.nats);
        let mut held = Vec::new();
        // In one order for every fault, so that no two wait for each other.
        for (_, turn) in self.targets.iter().filter(|(target, _)| hits.contains(target)) {
            held.push(turn.lock().await);
        }
        held
    }
}

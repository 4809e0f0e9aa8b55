//! Notes within this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bus::{BusError, Notes};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::LocalBus;

/// Most notes of a topic that wait for a hearer; one that is further behind misses the oldest.
const WAITING_MAX: usize = 1024;

/// Where the notes of each topic are told.
#[derive(Default)]
pub(crate) struct LocalNotes(Mutex<BTreeMap<String, Sender<Vec<u8>>>>);

impl LocalNotes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Sender<Vec<u8>>>> {
        self.0.lock().expect("nothing panics while it holds the topics")
    }

    fn tell(&self, topic: &str, note: Vec<u8>) {
        if let Some(hearers) = self.lock().get(topic) {
            // Nobody hears it at the moment.
            let _ = hearers.send(note);
        }
    }

    fn hear(&self, topic: &str) -> Receiver<Vec<u8>> {
        let mut topics = self.lock();
        topics.entry(topic.to_owned()).or_insert_with(|| broadcast::channel(WAITING_MAX).0).subscribe()
    }
}

#[async_trait]
impl Notes for LocalBus {
    async fn tell(&self, topic: &str, note: Vec<u8>) -> Result<(), BusError> {
        self.shared().notes.tell(topic, note);
        Ok(())
    }

    async fn hear(&self, topic: &str) -> Result<BoxStream<'static, Vec<u8>>, BusError> {
        let heard = self.shared().notes.hear(topic);
        let next = |mut heard: Receiver<Vec<u8>>| async move {
            loop {
                match heard.recv().await {
                    Ok(note) => return Some((note, heard)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        Ok(futures::stream::unfold(heard, next).boxed())
    }
}

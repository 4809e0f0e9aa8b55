//! What the promises are made of: publish, take, settle, each with a deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::{Bus, BusError, Consumer, ConsumerSpec, Message, Outgoing, Receipt, Settlement, Topic, Verdict};

/// Nothing here takes this long; over it the bus has forgotten something.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// For consumers whose messages are not meant to come back by themselves.
pub(super) const LONG: Duration = Duration::from_mins(1);
/// For consumers whose messages are.
pub(super) const SHORT: Duration = Duration::from_secs(1);
/// How long one fetch waits where something must come. It does not end at the moment when a message is due again: a NATS
/// server of 2.9 mixes the two up now and then, and gives another message instead.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// Long enough to see that nothing comes, where that cannot be known otherwise.
pub(super) const GLANCE: Duration = Duration::from_millis(300);
/// Most messages of one fetch.
pub(super) const BATCH: usize = 100;

/// `m00000`, `m00001`, ...: IDs that sort as they count.
pub(super) fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("m{number:05}")).collect()
}

pub(super) fn ids_of(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.id.clone()).collect()
}

pub(super) fn outgoing(id: &str) -> Outgoing {
    Outgoing {
        subject: format!("{}.admin.info.test.made", Topic::Events.prefix()),
        id: id.to_owned(),
        payload: id.into(),
    }
}

/// Publishes one message for each ID, all of them new.
pub(super) async fn publish(bus: &Arc<dyn Bus>, ids: &[String]) {
    let duplicates = receipts(bus, ids.iter().map(|id| outgoing(id)).collect()).await;
    assert!(duplicates.iter().all(|duplicate| !duplicate), "new messages are no duplicates");
}

/// For each message, whether it was a duplicate.
pub(super) async fn receipts(bus: &Arc<dyn Bus>, outgoing: Vec<Outgoing>) -> Vec<bool> {
    let count = outgoing.len();
    let results = timeout(DEADLINE, bus.publish(outgoing)).await.expect("publishing ends");
    assert_eq!(results.len(), count, "one result for each message");
    let duplicate = |result: Result<Receipt, BusError>| match result {
        Ok(receipt) => receipt.duplicate,
        Err(error) => panic!("cannot publish: {}", error.chain()),
    };
    results.into_iter().map(duplicate).collect()
}

pub(super) async fn open(bus: &Arc<dyn Bus>, name: &'static str, ack_wait: Duration) -> Arc<dyn Consumer> {
    let spec = ConsumerSpec { name, reads: Some(Topic::Events), ack_wait, unsettled_max: 1000 };
    eventually(|| bus.consumer(&spec), Result::is_ok).await.expect("a consumer")
}

/// Exactly `count` messages, in as many fetches as it takes.
pub(super) async fn take(consumer: &Arc<dyn Consumer>, count: usize) -> Vec<Message> {
    let mut taken = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while taken.len() < count {
        assert!(Instant::now() < deadline, "only {} of {count} messages came: {:?}", taken.len(), ids_of(&taken));
        taken.extend(take_at_most(consumer, count - taken.len()).await);
    }
    assert_eq!(taken.len(), count, "a fetch gives no more than asked for");
    taken
}

/// What one fetch gives, after one that failed for a while.
pub(super) async fn take_at_most(consumer: &Arc<dyn Consumer>, max: usize) -> Vec<Message> {
    let fetch = || async { timeout(DEADLINE, consumer.fetch(max, PATIENCE)).await.expect("a fetch ends") };
    eventually(fetch, Result::is_ok).await.expect("a fetch that works")
}

/// Takes and acknowledges `count` messages, and returns their IDs.
pub(super) async fn drain(consumer: &Arc<dyn Consumer>, count: usize) -> Vec<String> {
    let mut drained = Vec::new();
    while drained.len() < count {
        let messages = take(consumer, BATCH.min(count - drained.len())).await;
        settle(consumer, &messages, Verdict::Ack).await;
        drained.extend(ids_of(&messages));
    }
    drained
}

pub(super) async fn settle(consumer: &Arc<dyn Consumer>, messages: &[Message], verdict: Verdict) {
    let settlements = messages.iter().map(|message| Settlement { token: message.token.clone(), verdict });
    let settled = timeout(DEADLINE, consumer.settle(settlements.collect())).await.expect("settling ends");
    settled.unwrap_or_else(|error| panic!("cannot settle: {}", error.chain()));
}

pub(super) async fn assert_nothing_comes(consumer: &Arc<dyn Consumer>) {
    let messages = consumer.fetch(BATCH, GLANCE).await.expect("fetched");
    assert_eq!(ids_of(&messages), Vec::<String>::new());
}

/// Repeats `call` until its result is as `wanted`; after the deadline its last result, whatever it is.
pub(super) async fn eventually<T, F: Future<Output = T>>(
    mut call: impl FnMut() -> F,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let result = call().await;
        if wanted(&result) || Instant::now() > deadline {
            return result;
        }
        // Between two looks at something that changes by itself.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

//! What a consumer gets.

#![expect(clippy::missing_panics_doc, reason = "each of these panics when the promise in its name is broken")]

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Candidate;
use super::steps::{
    BATCH, GLANCE, LONG, SHORT, assert_nothing_comes, drain, ids, ids_of, open, publish, receipts, settle, take,
    take_at_most,
};
use crate::{ConsumerSpec, Outgoing, Topic, Verdict};

pub async fn messages_come_in_the_order_they_were_added(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", LONG).await;
    for part in ids(0..300).chunks(75) {
        publish(&bus, part).await;
    }
    assert_eq!(drain(&consumer, 300).await, ids(0..300));
}

pub async fn each_consumer_gets_every_message(candidate: impl Candidate) {
    let bus = candidate.bus();
    let store = open(&bus, "store", LONG).await;
    publish(&bus, &ids(0..50)).await;
    let notifier = open(&bus, "notifier", LONG).await;
    assert_eq!(drain(&store, 50).await, ids(0..50));
    assert_eq!(drain(&notifier, 50).await, ids(0..50));
}

pub async fn a_consumer_of_one_topic_gets_that_topic_alone(candidate: impl Candidate) {
    let bus = candidate.bus();
    let spec = |name, reads| ConsumerSpec { name, reads, ack_wait: LONG, unsettled_max: 1000 };
    let job = |id: &String| Outgoing {
        subject: format!("{}.queue", Topic::AnalysisJobs.prefix()),
        id: format!("job-{id}"),
        payload: Vec::new(),
    };
    // Topics that interleave, with long runs of the other one on either side.
    for (number, part) in ids(0..300).chunks(60).enumerate() {
        publish(&bus, part).await;
        receipts(&bus, part.iter().take(number).map(job).collect()).await;
    }
    let jobs = bus.consumer(&spec("jobs", Some(Topic::AnalysisJobs))).await.expect("a consumer");
    let events = bus.consumer(&spec("events", Some(Topic::Events))).await.expect("a consumer");
    let everything = bus.consumer(&spec("everything", None)).await.expect("a consumer");
    assert_eq!(drain(&events, 300).await, ids(0..300));
    let taken = drain(&jobs, 10).await;
    assert!(taken.iter().all(|id| id.starts_with("job-")), "{taken:?}");
    assert_nothing_comes(&jobs).await;
    assert_eq!(drain(&everything, 310).await.len(), 310);
    receipts(&bus, vec![job(&"last".to_owned())]).await;
    assert_eq!(drain(&jobs, 1).await, ["job-last"]);
}

pub async fn openings_of_one_name_share_the_messages(candidate: impl Candidate) {
    let bus = candidate.bus();
    let openings = [open(&bus, "store", LONG).await, open(&bus, "store", LONG).await];
    publish(&bus, &ids(0..400)).await;
    let [first, second] = openings.map(|consumer| {
        tokio::spawn(async move {
            let mut seen = Vec::new();
            // Small batches, so that both get a share.
            loop {
                let messages = consumer.fetch(7, GLANCE).await.expect("fetched");
                if messages.is_empty() {
                    return seen;
                }
                seen.extend(messages.iter().map(|message| message.id.clone()));
                settle(&consumer, &messages, Verdict::Ack).await;
            }
        })
    });
    let mut seen = first.await.expect("the first reader ends");
    seen.extend(second.await.expect("the second reader ends"));
    seen.sort();
    assert_eq!(seen, ids(0..400), "each message once, whoever got it");
}

pub async fn no_more_than_unsettled_max_are_delivered_until_some_are_settled(candidate: impl Candidate) {
    let bus = candidate.bus();
    let spec = ConsumerSpec { name: "store", reads: None, ack_wait: LONG, unsettled_max: 10 };
    let consumer = bus.consumer(&spec).await.expect("a consumer");
    publish(&bus, &ids(0..25)).await;
    let first = take(&consumer, 10).await;
    assert_eq!(ids_of(&first), ids(0..10));
    assert_nothing_comes(&consumer).await;
    // A fetch that waits for room gets the next ones as soon as there is some.
    let waiting = {
        let consumer = Arc::clone(&consumer);
        tokio::spawn(async move { take(&consumer, 4).await })
    };
    settle(&consumer, &first[..4], Verdict::Ack).await;
    let second = waiting.await.expect("the waiting fetch ends");
    assert_eq!(ids_of(&second), ids(10..14));
    assert_nothing_comes(&consumer).await;
    settle(&consumer, &first[4..], Verdict::Reject).await;
    settle(&consumer, &second, Verdict::Ack).await;
    assert_eq!(ids_of(&take(&consumer, 10).await), ids(14..24));
}

pub async fn a_fetch_returns_at_once_what_is_there(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", LONG).await;
    publish(&bus, &ids(0..3)).await;
    let started_at = Instant::now();
    let messages = consumer.fetch(BATCH, LONG).await.expect("fetched");
    assert!(started_at.elapsed() < LONG / 2, "waited {:?} for a full batch", started_at.elapsed());
    assert_eq!(ids_of(&messages), ids(0..3));
    assert_eq!(consumer.fetch(2, Duration::ZERO).await.expect("fetched").len(), 0);
    publish(&bus, &ids(3..6)).await;
    assert_eq!(ids_of(&take_at_most(&consumer, 2).await), ids(3..5), "no more than asked for");
}

pub async fn a_waiting_fetch_returns_with_the_first_message(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", LONG).await;
    let started_at = Instant::now();
    let waiting = tokio::spawn(async move { consumer.fetch(BATCH, LONG).await });
    // It may or may not be waiting by now; the promise holds for both.
    tokio::task::yield_now().await;
    publish(&bus, &ids(0..1)).await;
    let messages = waiting.await.expect("the waiting fetch ends").expect("fetched");
    assert_eq!(ids_of(&messages), ids(0..1));
    assert!(started_at.elapsed() < LONG / 2, "waited {:?}", started_at.elapsed());
}

pub async fn a_fetch_returns_empty_after_its_wait(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", LONG).await;
    let started_at = Instant::now();
    assert!(consumer.fetch(BATCH, SHORT).await.expect("fetched").is_empty());
    let waited = started_at.elapsed();
    assert!(waited >= SHORT.mul_f32(0.9) && waited < SHORT * 10, "waited {waited:?}");
    // A wait of nothing looks and returns.
    assert!(consumer.fetch(BATCH, Duration::ZERO).await.expect("fetched").is_empty());
}

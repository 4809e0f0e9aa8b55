//! What is still there after the bus was closed or killed.

#![expect(clippy::missing_panics_doc, reason = "each of these panics when the promise in its name is broken")]

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Instant, timeout};

use super::Candidate;
use super::steps::{
    BATCH, DEADLINE, GLANCE, LONG, SHORT, drain, ids, open, outgoing, publish, settle, take, take_at_most,
};
use crate::Verdict;

pub async fn an_acknowledged_message_stays_so_when_the_bus_is_reopened(mut candidate: impl Candidate) {
    {
        let bus = candidate.bus();
        let consumer = open(&bus, "store", SHORT).await;
        publish(&bus, &ids(0..20)).await;
        assert_eq!(drain(&consumer, 20).await, ids(0..20));
    }
    candidate.reopen().await;
    let bus = candidate.bus();
    let consumer = open(&bus, "store", SHORT).await;
    assert!(consumer.fetch(BATCH, SHORT + GLANCE).await.expect("fetched").is_empty());
    publish(&bus, &ids(20..21)).await;
    assert_eq!(drain(&consumer, 1).await, ids(20..21));
}

pub async fn an_unsettled_message_comes_back_when_the_bus_is_reopened(mut candidate: impl Candidate) {
    {
        let bus = candidate.bus();
        let consumer = open(&bus, "store", SHORT).await;
        publish(&bus, &ids(0..5)).await;
        take(&consumer, 5).await;
    }
    candidate.reopen().await;
    let consumer = open(&candidate.bus(), "store", SHORT).await;
    assert_eq!(drain(&consumer, 5).await, ids(0..5));
}

pub async fn a_position_survives_when_the_bus_is_reopened(mut candidate: impl Candidate) {
    for round in 0..3 {
        let bus = candidate.bus();
        let consumer = open(&bus, "store", LONG).await;
        publish(&bus, &ids(round * 30..round * 30 + 30)).await;
        // A third stays for the next round, which begins exactly there.
        let expected: Vec<String> = ids(round * 20..round * 20 + 20);
        assert_eq!(drain(&consumer, 20).await, expected);
        drop((bus, consumer));
        candidate.reopen().await;
    }
}

pub async fn a_new_consumer_begins_at_the_oldest_message(mut candidate: impl Candidate) {
    publish(&candidate.bus(), &ids(0..5)).await;
    candidate.reopen().await;
    let bus = candidate.bus();
    publish(&bus, &ids(5..10)).await;
    let consumer = open(&bus, "late", LONG).await;
    assert_eq!(drain(&consumer, 10).await, ids(0..10));
}

pub async fn what_was_confirmed_survives_a_crash(mut candidate: impl Candidate) {
    {
        let bus = candidate.bus();
        let consumer = open(&bus, "store", SHORT).await;
        publish(&bus, &ids(0..200)).await;
        take(&consumer, 50).await;
    }
    candidate.crash().await;
    let consumer = open(&candidate.bus(), "store", SHORT).await;
    let mut seen = BTreeMap::new();
    let deadline = Instant::now() + DEADLINE;
    while seen.len() < 200 {
        assert!(Instant::now() < deadline, "only {} of 200 came back", seen.len());
        let messages = take_at_most(&consumer, BATCH).await;
        for message in &messages {
            assert_eq!(message.payload, message.id.as_bytes());
            seen.insert(message.id.clone(), message.attempt);
        }
        settle(&consumer, &messages, Verdict::Ack).await;
    }
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ids(0..200));
}

pub async fn what_was_confirmed_survives_a_crash_in_the_middle_of_publishing(mut candidate: impl Candidate) {
    let (confirm, mut confirmations) = tokio::sync::mpsc::unbounded_channel();
    let publishing = {
        let bus = candidate.bus();
        tokio::spawn(async move {
            for part in 0.. {
                let part = ids(part * 20..part * 20 + 20);
                let results = bus.publish(part.iter().map(|id| outgoing(id)).collect()).await;
                for (id, result) in part.into_iter().zip(results) {
                    if result.is_ok() && confirm.send(id).is_err() {
                        return;
                    }
                }
            }
        })
    };
    let mut confirmed = BTreeSet::new();
    while confirmed.len() < 1000 {
        let id = timeout(DEADLINE, confirmations.recv()).await.expect("messages are confirmed");
        confirmed.insert(id.expect("the publisher goes on"));
    }
    // The publisher is cut off wherever it is, as its process would be.
    publishing.abort();
    let _ = publishing.await;
    candidate.crash().await;
    while let Ok(id) = confirmations.try_recv() {
        confirmed.insert(id);
    }
    let consumer = open(&candidate.bus(), "store", LONG).await;
    let deadline = Instant::now() + DEADLINE;
    while !confirmed.is_empty() {
        assert!(Instant::now() < deadline, "confirmed and lost: {confirmed:?}");
        let messages = take_at_most(&consumer, BATCH).await;
        for message in &messages {
            confirmed.remove(&message.id);
        }
        settle(&consumer, &messages, Verdict::Ack).await;
    }
}

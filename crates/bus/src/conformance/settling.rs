//! What becomes of a message after it was delivered.

#![expect(clippy::missing_panics_doc, reason = "each of these panics when the promise in its name is broken")]

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Candidate;
use super::steps::{
    BATCH, DEADLINE, GLANCE, LONG, SHORT, assert_nothing_comes, ids, ids_of, open, publish, settle, take,
};
use crate::Verdict;

pub async fn an_unsettled_message_comes_back_after_ack_wait_with_a_higher_attempt(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", SHORT).await;
    publish(&bus, &ids(0..3)).await;
    let first = take(&consumer, 3).await;
    let delivered_at = Instant::now();
    assert!(first.iter().all(|message| message.attempt == 1), "{first:?}");
    settle(&consumer, &first[1..2], Verdict::Ack).await;
    let again = take(&consumer, 2).await;
    assert!(delivered_at.elapsed() > SHORT / 2, "came back after {:?}", delivered_at.elapsed());
    // In either order: only what is delivered for the first time has one.
    let ids_again: BTreeSet<String> = ids_of(&again).into_iter().collect();
    assert_eq!(ids_again, BTreeSet::from([first[0].id.clone(), first[2].id.clone()]));
    assert!(again.iter().all(|message| message.attempt == 2), "{again:?}");
    settle(&consumer, &again, Verdict::Ack).await;
    assert_nothing_comes(&consumer).await;
}

pub async fn a_retried_message_comes_back_and_not_before_its_delay(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", LONG).await;
    publish(&bus, &ids(0..2)).await;
    let messages = take(&consumer, 2).await;
    let asked_at = Instant::now();
    settle(&consumer, &messages[..1], Verdict::Retry { after: SHORT }).await;
    settle(&consumer, &messages[1..], Verdict::Ack).await;
    let again = take(&consumer, 1).await;
    assert!(asked_at.elapsed() >= SHORT, "came back after {:?}", asked_at.elapsed());
    assert_eq!((again[0].id.as_str(), again[0].attempt), (messages[0].id.as_str(), 2));
    settle(&consumer, &again, Verdict::Retry { after: Duration::ZERO }).await;
    let again = take(&consumer, 1).await;
    assert_eq!(again[0].attempt, 3, "a retry without delay comes at once");
    settle(&consumer, &again, Verdict::Ack).await;
    assert_nothing_comes(&consumer).await;
}

pub async fn a_rejected_message_never_comes_back(mut candidate: impl Candidate) {
    {
        let bus = candidate.bus();
        let consumer = open(&bus, "store", SHORT).await;
        publish(&bus, &ids(0..2)).await;
        let messages = take(&consumer, 2).await;
        settle(&consumer, &messages, Verdict::Reject).await;
        publish(&bus, &ids(2..3)).await;
        let next = take(&consumer, 1).await;
        assert_eq!(ids_of(&next), ids(2..3));
        settle(&consumer, &next, Verdict::Ack).await;
        assert!(consumer.fetch(BATCH, SHORT + GLANCE).await.expect("fetched").is_empty());
    }
    candidate.reopen().await;
    let consumer = open(&candidate.bus(), "store", SHORT).await;
    assert_nothing_comes(&consumer).await;
}

pub async fn a_settlement_out_of_order_skips_nothing(mut candidate: impl Candidate) {
    {
        let bus = candidate.bus();
        let consumer = open(&bus, "store", LONG).await;
        publish(&bus, &ids(0..10)).await;
        let messages = take(&consumer, 10).await;
        settle(&consumer, &messages[3..], Verdict::Ack).await;
        settle(&consumer, &messages[..2], Verdict::Ack).await;
    }
    candidate.reopen().await;
    let consumer = open(&candidate.bus(), "store", SHORT).await;
    // The one in between must come; what was settled after it may, as far as the seam promises.
    let mut seen = BTreeSet::new();
    let deadline = Instant::now() + DEADLINE;
    while !seen.contains(&ids(2..3)[0]) {
        assert!(Instant::now() < deadline, "the message never came back, only {seen:?}");
        let messages = consumer.fetch(BATCH, GLANCE).await.expect("fetched");
        seen.extend(ids_of(&messages));
        settle(&consumer, &messages, Verdict::Ack).await;
    }
    assert!(ids(0..2).iter().all(|id| !seen.contains(id)), "settled before the gap, and delivered again: {seen:?}");
}

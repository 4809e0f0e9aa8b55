//! What a publisher may rely on.

#![expect(clippy::missing_panics_doc, reason = "each of these panics when the promise in its name is broken")]

use std::sync::Arc;

use super::Candidate;
use super::steps::{
    BATCH, LONG, assert_nothing_comes, drain, eventually, ids, ids_of, open, outgoing, publish, receipts, settle,
    take_at_most,
};
use crate::{BusError, ConsumerSpec, Outgoing, PAYLOAD_BYTES_MAX, Receipt, Topic, Verdict};

pub async fn each_message_has_a_result_of_its_own(candidate: impl Candidate) {
    let bus = candidate.bus();
    let unfit = [
        Outgoing { payload: vec![0; PAYLOAD_BYTES_MAX + 1], ..outgoing("too-large") },
        outgoing("two words"),
        outgoing(""),
        Outgoing { subject: format!("{}.a.*", Topic::Events.prefix()), ..outgoing("wildcard") },
        Outgoing { subject: "elsewhere".into(), ..outgoing("elsewhere") },
    ];
    for unfit in unfit {
        let id = unfit.id.clone();
        let results = bus.publish(vec![outgoing("a"), unfit, outgoing("b")]).await;
        assert!(matches!(results[..], [Ok(_), Err(BusError::Refused(_)), Ok(_)]), "{id}: {results:?}");
    }
    let consumer = open(&bus, "store", LONG).await;
    assert_eq!(drain(&consumer, 2).await, ["a", "b"]);
    assert!(bus.publish(Vec::new()).await.is_empty());
}

pub async fn a_known_id_is_confirmed_as_a_duplicate_and_delivered_once(candidate: impl Candidate) {
    let bus = candidate.bus();
    let outgoing = ["a", "b", "a", "c"].map(outgoing);
    assert_eq!(receipts(&bus, outgoing.to_vec()).await, [false, false, true, false]);
    assert_eq!(receipts(&bus, outgoing.to_vec()).await, [true; 4]);
    let consumer = open(&bus, "store", LONG).await;
    assert_eq!(drain(&consumer, 3).await, ["a", "b", "c"]);
    // Settled messages are known as well.
    assert_eq!(receipts(&bus, outgoing.to_vec()).await, [true; 4]);
    assert_nothing_comes(&consumer).await;
}

pub async fn a_known_id_is_a_duplicate_after_a_crash_too(mut candidate: impl Candidate) {
    publish(&candidate.bus(), &ids(0..10)).await;
    candidate.crash().await;
    let bus = candidate.bus();
    let publish_again = || bus.publish(ids(0..10).iter().map(|id| outgoing(id)).collect());
    for result in eventually(publish_again, |results| results.iter().all(Result::is_ok)).await {
        assert_eq!(result.expect("published"), Receipt { duplicate: true });
    }
    let consumer = open(&bus, "store", LONG).await;
    assert_eq!(drain(&consumer, 10).await, ids(0..10));
}

pub async fn the_largest_payload_arrives_whole(candidate: impl Candidate) {
    let bus = candidate.bus();
    let consumer = open(&bus, "store", LONG).await;
    let payload: Vec<u8> = (0..PAYLOAD_BYTES_MAX).map(|index| u8::try_from(index % 251).unwrap_or_default()).collect();
    let outgoing: Vec<Outgoing> =
        ids(0..20).iter().map(|id| Outgoing { payload: payload.clone(), ..outgoing(id) }).collect();
    assert_eq!(receipts(&bus, outgoing).await, [false; 20]);
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let messages = take_at_most(&consumer, BATCH).await;
        assert!(messages.iter().all(|message| message.payload == payload));
        seen.extend(ids_of(&messages));
        settle(&consumer, &messages, Verdict::Ack).await;
    }
    assert_eq!(seen, ids(0..20));
}

pub async fn five_thousand_messages_arrive_complete_and_in_order(candidate: impl Candidate) {
    let bus = candidate.bus();
    let spec = ConsumerSpec { name: "store", reads: None, ack_wait: LONG, unsettled_max: 2000 };
    let consumer = bus.consumer(&spec).await.expect("a consumer");
    let publishing = {
        let bus = Arc::clone(&bus);
        tokio::spawn(async move { publish(&bus, &ids(0..5000)).await })
    };
    let mut seen = Vec::new();
    while seen.len() < 5000 {
        let messages = take_at_most(&consumer, 1000).await;
        seen.extend(ids_of(&messages));
        settle(&consumer, &messages, Verdict::Ack).await;
    }
    publishing.await.expect("the publisher ends");
    assert_eq!(seen, ids(0..5000));
    assert_nothing_comes(&consumer).await;
}

pub async fn the_bus_says_that_it_can_be_used(candidate: impl Candidate) {
    let bus = candidate.bus();
    eventually(|| bus.check(), Result::is_ok).await.expect("a bus that can be used");
}

//! What one endpoint that hangs costs 99 others, in the 99th percentile of the time from an event to its arrival.
//!
//! Phases with it and without it alternate in one run, and each is compared with its neighbour only: what else the machine
//! does comes and goes, and mostly hits both. A phase is long enough for what comes of hanging: requests without an
//! answer, their timeouts, and the pause. Events come so slowly that one has arrived everywhere before the next:
//! else the queue of a busy machine would be measured. They are of a type, and the endpoints want that type alone, because
//! the few events that tell of an outage would be many in outages as short as these.
//!
//! Prints the median of the phases' ratios with its confidence interval: `cargo bench -p notifier --bench isolation
//! [-- PAIRS]`. On a machine that does other things too, put the databases into memory and the cores before the others:
//! `TMPDIR=/dev/shm chrt --rr 1 cargo bench ...`.

#![allow(clippy::unwrap_used, reason = "a benchmark's panic is its report")]
#![allow(dead_code, reason = "it borrows from the tests what it needs")]

#[path = "../tests/it/bus.rs"]
mod bus;
#[path = "../tests/it/house.rs"]
mod house;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use event::ManualClock;
use fixtures::{DatabaseKind, Reaction, Receiver};

use crate::house::{House, event, event_id, eventually};

const ENDPOINTS: usize = 100;
const PAIRS: u32 = 24;
const PHASE: Duration = Duration::from_secs(8);
/// Of the endpoints, in whole seconds.
const TIMEOUT: Duration = Duration::from_secs(1);
const WARM_UP_EVENTS: usize = 10;
/// From one event to the next, in the times that one takes to arrive everywhere.
const GAP: u32 = 3;
/// Of the interval.
const CONFIDENCE: f64 = 0.95;

/// The endpoints that never hang.
#[derive(Default)]
struct Others {
    /// When each delivery arrived, by endpoint and event.
    arrivals: Arc<Mutex<HashMap<(String, String), Instant>>>,
}

#[tokio::main]
async fn main() {
    // Cargo adds a flag of its own.
    let pairs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(PAIRS);
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        compare(kind, pairs).await;
    }
}

async fn compare(kind: DatabaseKind, pairs: u32) {
    let rank = rank(pairs);
    let (others, hangs) = (Others::default(), Arc::new(AtomicBool::new(false)));
    // Of its own: what hangs there must not be in the way of the others there either.
    let (hanging, receiver) = (hanging(&hangs), others.receiver());
    let endpoint = |number: usize| {
        let url = if number == 0 { hanging.url() } else { receiver.url() };
        let timeout = TIMEOUT.as_secs();
        format!(
            "{{name: e{number}, url: '{url}/e{number}', format: event, timeout: {timeout}s, filter: {{type: \
             list_tags_fail}}}}"
        )
    };
    let endpoints: Vec<String> = (0..ENDPOINTS).map(endpoint).collect();
    let house = House::start(kind, &format!("endpoints: [{}]", endpoints.join(", "))).await;
    // The clock of the tests runs as any other here.
    let ticking = tokio::spawn(tick(Arc::clone(&house.clock)));
    let gap = GAP * others.warm_up(&house).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        // Each first as often as the other, so that a machine that grows slower slows both down.
        for is_hanging in if pair % 2 == 0 { [false, true] } else { [true, false] } {
            hangs.store(is_hanging, Ordering::SeqCst);
            let times = others.phase(&house, gap).await;
            hangs.store(false, Ordering::SeqCst);
            if is_hanging { &mut with } else { &mut without }.push(times);
            settle(&house).await;
        }
    }
    ticking.abort();
    let mut ratios: Vec<f64> =
        with.iter().zip(&without).map(|(with, without)| percentile(with) / percentile(without)).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "{kind:?}: {} deliveries in {pairs} pairs of phases, an event each {gap:.0?}; p99 {:.1} ms without, {:.1} ms beside \
         one that hangs; median of the pairs' ratios {:.3}, {:.0} % interval {:.3} to {:.3}",
        without.concat().len() + with.concat().len(),
        1e3 * percentile(&without.concat()),
        1e3 * percentile(&with.concat()),
        f64::midpoint(ratios[(ratios.len() - 1) / 2], ratios[ratios.len() / 2]),
        100.0 * CONFIDENCE,
        ratios[rank - 1],
        ratios[ratios.len() - rank],
    );
}

impl Others {
    fn receiver(&self) -> Receiver {
        let arrivals = Arc::clone(&self.arrivals);
        Receiver::start(move |request| {
            let key = (request.target.clone(), event_id(request));
            arrivals.lock().unwrap().entry(key).or_insert_with(Instant::now);
            Reaction::status(200)
        })
    }

    /// How long one event takes to arrive everywhere: the median of some, one after the other.
    async fn warm_up(&self, house: &House) -> Duration {
        let mut spans = Vec::new();
        for _ in 0..WARM_UP_EVENTS {
            let times = self.send(house, 1, Duration::ZERO).await;
            spans.push(Duration::from_secs_f64(times.into_iter().fold(0.0, f64::max)));
        }
        spans.sort();
        spans[WARM_UP_EVENTS / 2]
    }

    async fn phase(&self, house: &House, gap: Duration) -> Vec<f64> {
        let events = PHASE.as_micros().div_ceil(gap.as_micros());
        self.send(house, usize::try_from(events).unwrap(), gap).await
    }

    /// The times, in seconds, until each event has arrived at each of them.
    async fn send(&self, house: &House, events: usize, gap: Duration) -> Vec<f64> {
        let mut begun = Vec::new();
        let mut ticks = tokio::time::interval(gap.max(Duration::from_millis(1)));
        for number in 0..events {
            ticks.tick().await;
            let event = event("admin", number);
            begun.push((event.id.to_string(), Instant::now()));
            house.store(&[event]).await;
        }
        let others: Vec<String> = (1..ENDPOINTS).map(|number| format!("/e{number}")).collect();
        let times = || {
            let arrivals = self.arrivals.lock().unwrap();
            let of = |(id, begun): &(String, Instant)| {
                let arrived = others.iter().filter_map(|endpoint| arrivals.get(&(endpoint.clone(), id.clone())));
                arrived.map(|at| at.duration_since(*begun).as_secs_f64()).collect::<Vec<_>>()
            };
            begun.iter().flat_map(of).collect::<Vec<f64>>()
        };
        eventually(async || times().len() == events * others.len()).await;
        let times = times();
        self.arrivals.lock().unwrap().clear();
        times
    }
}

fn hanging(hangs: &Arc<AtomicBool>) -> Receiver {
    let hangs = Arc::clone(hangs);
    Receiver::start(move |_| if hangs.load(Ordering::SeqCst) { Reaction::hang() } else { Reaction::status(200) })
}

async fn tick(clock: Arc<ManualClock>) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        clock.advance(last.elapsed());
        last = Instant::now();
    }
}

/// Until the one that hung has got everything too.
async fn settle(house: &House) {
    // Nothing is under way when the clock leaps.
    tokio::time::sleep(TIMEOUT).await;
    eventually(async || {
        house.advance(Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(200)).await;
        house.endpoint("e0").await.status.unwrap().waiting_count == 0
    })
    .await;
}

/// The 99th.
fn percentile(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

/// The interval of the median of `pairs` sorted values reaches from the one of this rank to the one as far from the end.
/// Each value is on either side of the true median as a coin falls, whatever their distribution (the sign test).
fn rank(pairs: u32) -> usize {
    let mut chance = 0.5_f64.powf(f64::from(pairs));
    let (mut tail, mut rank) = (chance, 0);
    while 2.0 * tail <= 1.0 - CONFIDENCE {
        chance *= f64::from(pairs - rank) / f64::from(rank + 1);
        tail += chance;
        rank += 1;
    }
    assert!(rank > 0, "{pairs} pairs are too few for an interval");
    rank as usize
}

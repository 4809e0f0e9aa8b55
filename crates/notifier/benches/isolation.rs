//! What one endpoint that hangs costs 99 others: the time from an event to its delivery, with it and without it, in turn
//! in one run. Prints the ratio of the 99th percentiles; `cargo bench -p notifier --bench isolation [-- ROUNDS]`.

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
/// Of one phase, one after the other.
const EVENTS: usize = 10;
/// Long enough that a busy machine delivers one to all before the next: else its queue would be measured.
const PAUSE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 6;

/// When each delivery arrived, by endpoint and event.
type Arrivals = Arc<Mutex<HashMap<(String, String), Instant>>>;

#[tokio::main]
async fn main() {
    // Cargo adds a flag of its own.
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let (receiver, hangs, arrivals) = receiver();
        let endpoint = |number: usize| {
            format!("{{name: e{number}, url: '{}/e{number}', format: event, timeout: 10s}}", receiver.url())
        };
        let endpoints: Vec<String> = (0..ENDPOINTS).map(endpoint).collect();
        let house = House::start(kind, &format!("endpoints: [{}]", endpoints.join(", "))).await;
        // The clock of the tests runs as any other here.
        let ticking = tokio::spawn(tick(Arc::clone(&house.clock)));
        phase(&house, &arrivals).await;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // In turn, so that a machine that grows slower slows both down.
            for hanging in if round % 2 == 0 { [false, true] } else { [true, false] } {
                hangs.store(hanging, Ordering::SeqCst);
                let percentile = phase(&house, &arrivals).await;
                hangs.store(false, Ordering::SeqCst);
                if hanging { &mut with } else { &mut without }.push(percentile);
                settle(&house).await;
            }
        }
        ticking.abort();
        let mut ratios: Vec<f64> =
            with.iter().zip(&without).map(|(with, without)| with.as_secs_f64() / without.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let median = |mut spans: Vec<Duration>| {
            spans.sort();
            spans[spans.len() / 2]
        };
        println!(
            "{kind:?}: p99 of {} endpoints, median of {rounds} rounds: {:?} alone, {:?} beside one that hangs; median \
             ratio {:.3}, from {:.3} to {:.3}",
            ENDPOINTS - 1,
            median(without),
            median(with),
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1]
        );
    }
}

async fn tick(clock: Arc<ManualClock>) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        clock.advance(last.elapsed());
        last = Instant::now();
    }
}

fn receiver() -> (Receiver, Arc<AtomicBool>, Arrivals) {
    let (hangs, arrivals) = (Arc::new(AtomicBool::new(false)), Arrivals::default());
    let receiver = Receiver::start({
        let (hangs, arrivals) = (Arc::clone(&hangs), Arc::clone(&arrivals));
        move |request| {
            if request.target == "/e0" && hangs.load(Ordering::SeqCst) {
                return Reaction::hang();
            }
            let key = (request.target.clone(), event_id(request));
            arrivals.lock().unwrap().entry(key).or_insert_with(Instant::now);
            Reaction::status(200)
        }
    });
    (receiver, hangs, arrivals)
}

/// The 99th percentile of the others' times.
async fn phase(house: &House, arrivals: &Arrivals) -> Duration {
    let mut begun = Vec::new();
    for number in 0..EVENTS {
        let event = event("admin", number);
        begun.push((event.id.to_string(), Instant::now()));
        house.store(&[event]).await;
        tokio::time::sleep(PAUSE).await;
    }
    let times = || {
        let arrivals = arrivals.lock().unwrap();
        let of = |(id, begun): &(String, Instant)| {
            let times = (1..ENDPOINTS).filter_map(|number| arrivals.get(&(format!("/e{number}"), id.clone())));
            times.map(|at| at.duration_since(*begun)).collect::<Vec<_>>()
        };
        begun.iter().flat_map(of).collect::<Vec<Duration>>()
    };
    eventually(async || times().len() == EVENTS * (ENDPOINTS - 1)).await;
    let mut times = times();
    times.sort();
    times[times.len() * 99 / 100]
}

/// Until the one that hung has got everything too.
async fn settle(house: &House) {
    eventually(async || {
        house.advance(Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(200)).await;
        house.endpoint("e0").await.status.unwrap().waiting_count == 0
    })
    .await;
}

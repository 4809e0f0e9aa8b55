//! `kill -9` of every process in turn while events are published: what was reported as durable is there.

use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::harness::{
    ADMIN, Client, Random, Shape, Stack, all_are_listed_once_and_in_full, event, eventually, holds, lines_of, run,
};

on_every_stack!(what_was_reported_as_durable_survives_kill_9);

/// Set to 100000 for a longer run by hand.
const EVENTS_VARIABLE: &str = "ACCEPTANCE_KILL_EVENTS";
const EVENTS: u64 = 20_000;

/// Longest time between a report and a kill: a few batches, so that a kill meets every step of one.
const MOMENT_MICROS_MAX: u64 = 100_000;
/// Publishing, and all the retries that the kills cost.
const PUBLISH_DEADLINE: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Copy)]
enum Victim {
    Service(&'static str),
    Nats,
    Postgres,
}

fn what_was_reported_as_durable_survives_kill_9(shape: Shape) {
    let mut random = Random::new();
    let events = std::env::var_os(EVENTS_VARIABLE).and_then(|events| events.to_str()?.parse().ok()).unwrap_or(EVENTS);
    let mut stack = Stack::builder(shape).with_own_postgres().start();
    let mut victims: Vec<Victim> = stack.services().into_iter().map(Victim::Service).collect();
    if shape.has_servers() {
        victims.extend([Victim::Nats, Victim::Postgres]);
    }
    // The process that stores dies twice.
    victims.push(Victim::Service("events-store"));
    random.shuffle(&mut victims);
    let kills = victims.len() as u64;

    let client = stack.client(ADMIN);
    let publishing = Publishing::start(&client);
    let span = events / (kills + 1);
    for (first, victim) in (1..).step_by(usize::try_from(span).expect("a count")).zip(victims) {
        publishing.feed(first..first + span);
        publishing.wait_until_reported(first - 1 + random.below(span));
        // A random moment is what is tested, nothing waits for it.
        thread::sleep(Duration::from_micros(random.below(MOMENT_MICROS_MAX)));
        println!("kill -9 {victim:?} after {} reports", publishing.reported());
        kill(&mut stack, victim);
    }
    publishing.feed(span * kills + 1..events + 1);
    let (reported, code, said) = publishing.finish();
    println!("{} of {events} reported, exit code {code}", reported.len());
    assert!(code == 0 || said.contains("go on from line"), "what is not confirmed is named: {said}");
    assert!(code != 0 || reported.len() as u64 == events, "a publication that ended well is reported in full: {said}");
    all_are_listed_once_and_in_full(&client, &reported);

    // Publishing all of it again is harmless, and completes what a kill had cut off.
    let lines = lines_of((1..=events).map(event));
    let mut again = client.command(&["event", "publish", "-"]);
    let again = run(&mut again, lines.as_bytes(), PUBLISH_DEADLINE).ok();
    let all: Vec<String> = again.lines().map(str::to_owned).collect();
    assert_eq!(all.len() as u64, events);
    all_are_listed_once_and_in_full(&client, &all);
    assert_eq!(client.ids(&[]).len() as u64, events, "and nothing else is there");
}

fn kill(stack: &mut Stack, victim: Victim) {
    match victim {
        Victim::Service(service) => stack.restart(service),
        Victim::Nats => stack.nats.as_mut().expect("the shape has one").restart(),
        Victim::Postgres => stack.postgres.as_mut().expect("the shape has one").restart(),
    }
}

/// `anchore-cli event publish -`, while it runs.
struct Publishing {
    child: Child,
    /// Dropped, it ends the input.
    feed: Option<Sender<Range<u64>>>,
    reported: Arc<Mutex<Vec<String>>>,
    has_ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<String>>,
}

impl Publishing {
    fn start(client: &Client) -> Self {
        let mut child = client.spawn(&["event", "publish", "-"]);
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (feed, numbers) = mpsc::channel::<Range<u64>>();
        let reported: Arc<Mutex<Vec<String>>> = Arc::default();
        let has_ended: Arc<AtomicBool> = Arc::default();
        let (reports, ended) = (Arc::clone(&reported), Arc::clone(&has_ended));
        let threads = vec![
            thread::spawn(move || {
                // It may give up before it has read all of them.
                let _ = numbers.into_iter().flatten().try_for_each(|number| writeln!(stdin, "{}", event(number)));
                String::new()
            }),
            thread::spawn(move || {
                for line in stdout.lines() {
                    reports.lock().expect("no reader panics").push(line.expect("text"));
                }
                ended.store(true, Ordering::Relaxed);
                String::new()
            }),
            thread::spawn(move || lines_of(stderr.lines().map_while(Result::ok))),
        ];
        Self { child, feed: Some(feed), reported, has_ended, threads }
    }

    /// More lines for it to read.
    fn feed(&self, numbers: Range<u64>) {
        let feed = self.feed.as_ref().expect("the input has not ended");
        // Nobody reads them when it has given up.
        let _ = feed.send(numbers);
    }

    fn reported(&self) -> u64 {
        self.reported.lock().expect("no reader panics").len() as u64
    }

    /// Or until it has ended.
    fn wait_until_reported(&self, count: u64) {
        eventually(PUBLISH_DEADLINE, || {
            let has_ended = self.has_ended.load(Ordering::Relaxed);
            holds(has_ended || self.reported() >= count, || format!("{} of {count} are reported", self.reported()))
        });
    }

    /// The ids that were reported, the exit code, and standard error.
    fn finish(mut self) -> (Vec<String>, i32, String) {
        self.feed = None;
        self.wait_until_reported(u64::MAX);
        let status = self.child.wait().expect("a child can be waited for");
        let said = self.threads.drain(..).map(|thread| thread.join().expect("no reader panics")).collect();
        let reported = std::mem::take(&mut *self.reported.lock().expect("no reader panics"));
        (reported, status.code().unwrap_or(-1), said)
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

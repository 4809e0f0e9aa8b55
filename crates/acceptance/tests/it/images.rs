//! Images queued by hand: what an operator sees of them, what is left after kills, what a large layer costs.

mod large_layer;
mod served;

use std::collections::HashSet;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::large_layer::LargeImage;
use self::served::ServedImages;
use crate::harness::{ADMIN, Client, DEADLINE, Process, Random, Shape, Stack, eventually, holds};

on_every_stack!(an_image_is_queued_followed_and_listed);

/// So short that what a killed worker had is taken over soon.
const LEASE: (&str, &str) = ("ANCHORE_EVENTS__SERVICES__ANALYZER__LEASE", "2s");
/// Images of the kill test, and how often a worker is killed meanwhile.
const IMAGES: usize = 24;
const KILLS: usize = 8;
const KILL_WAIT_MICROS_MAX: u64 = 700_000;
const RECOVERY_DEADLINE: Duration = Duration::from_mins(5);

/// Set to 1024 for a layer of a gigabyte.
const LAYER_VARIABLE: &str = "ACCEPTANCE_LAYER_MIB";
const SMALL_LAYER_MIB: u64 = 32;
const LARGE_LAYER_MIB: u64 = 256;
/// What the larger of two layers may cost more than the smaller one.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

fn an_image_is_queued_followed_and_listed(shape: Shape) {
    let images = ServedImages::start(1);
    let stack = Stack::start(shape);
    let reference = images.reference(0);
    let added = stack.cli(&["image", "add", &reference, "--plain-http", "--wait"]).ok();
    assert!(added.contains("analyzed") && added.contains("debian 12"), "{added}");
    let missing = reference.trim_end_matches('1').to_owned() + "none";
    let failed = stack.cli(&["image", "add", &missing, "--insecure", "--wait"]);
    failed.refused(1, &["failed", "not_found", "has no manifest for the tag `none`"]);
    stack.cli(&["image", "add", "https://x/y"]).refused(1, &["reference: `https://x/y` has a scheme"]);

    let listed = stack.cli(&["image", "list"]).ok();
    let rows: Vec<&str> = listed.lines().collect();
    assert_eq!(rows.len(), 3, "{listed}");
    assert!(rows[0].starts_with("Image ") && rows[0].contains("Last failure"), "{listed}");
    assert!(rows[1].starts_with(&missing) && rows[1].contains("not_found"), "those asked for last first: {listed}");
    let analyzed: Value =
        serde_json::from_str(&stack.cli(&["-o", "json", "image", "list", "--state", "analyzed"]).ok()).expect("JSON");
    assert_eq!(analyzed["images"][0]["summary"]["packages"]["dpkg"], 2, "{analyzed:#}");

    let events = eventually(DEADLINE, || {
        let records = stack.client(ADMIN).records(&["--service", "analyzer"]);
        holds(records.len() == 2, || format!("{records:#?}")).map(|()| records)
    });
    let of_type = |name: &str| {
        let mut found = events.iter().map(|record| &record["event"]).filter(|event| event["type"] == name);
        found.next().unwrap_or_else(|| panic!("no {name} in {events:#?}")).clone()
    };
    assert_eq!(of_type("user.image.analysis.completed")["resource"]["id"], reference);
    let failed = of_type("analyze_image_fail");
    assert_eq!(
        (&failed["resource"]["id"], &failed["details"]["cause"]["code"]),
        (&missing.into(), &"not_found".into())
    );
    assert_eq!(failed["details"]["ImagePullError"]["msg"], "Failed to pull image");
}

#[test]
fn no_image_is_lost_and_none_is_told_twice_however_often_workers_are_killed() {
    let mut random = Random::new();
    let images = ServedImages::start(IMAGES);
    let jobs = ("ANCHORE_EVENTS__SERVICES__ANALYZER__MAX_JOBS", "2");
    let mut stack = Stack::builder(Shape::NatsApart).environment(LEASE.0, LEASE.1).environment(jobs.0, jobs.1).start();
    let mut replica = Some(Replica::start(&stack));
    let client = stack.client(ADMIN);
    let references: Vec<String> = (0..IMAGES).map(|image| images.reference(image)).collect();
    for (kill, queued) in references.chunks(IMAGES.div_ceil(KILLS)).enumerate() {
        for reference in queued {
            queue(&client, reference);
        }
        // A random moment is what is tested, nothing waits for it.
        thread::sleep(Duration::from_micros(random.below(KILL_WAIT_MICROS_MAX)));
        let done = analyzed(&client);
        println!("kill -9 with {done} of {IMAGES} images analysed");
        if kill % 2 == 0 {
            stack.start_again("analyzer");
        } else {
            // The old one first: both would use one directory.
            drop(replica.take());
            replica = Some(Replica::start(&stack));
        }
    }
    stack.wait_until_ready();
    eventually(RECOVERY_DEADLINE, || {
        let done = analyzed(&client);
        holds(done == IMAGES, || format!("{done} of {IMAGES} are analysed: {}", client.run(&["image", "list"]).stdout))
    });
    let records = eventually(RECOVERY_DEADLINE, || {
        let records = client.records(&["--service", "analyzer"]);
        holds(records.len() >= IMAGES, || format!("{} events", records.len())).map(|()| records)
    });
    let told: HashSet<&str> = records.iter().filter_map(|record| record["event"]["resource"]["id"].as_str()).collect();
    assert!(references.iter().all(|reference| told.contains(reference.as_str())), "each is told: {told:#?}");
    assert_eq!(records.len(), IMAGES, "and once: {records:#?}");
    drop(replica);
}

/// However long no analyzer is there to take it.
fn queue(client: &Client, reference: &str) {
    eventually(RECOVERY_DEADLINE, || {
        let added = client.run(&["image", "add", reference, "--plain-http"]);
        holds(added.code == 0, || format!("{added:?}"))
    });
}

/// How many images are done, as far as the analyzer can be asked now.
fn analyzed(client: &Client) -> usize {
    let listed = client.run(&["-o", "ndjson", "image", "list", "--all", "--state", "analyzed"]);
    if listed.code == 0 { listed.stdout.lines().filter(|line| line.contains("\"id\"")).count() } else { 0 }
}

/// Another analyzer of the same stack, with a data directory and ports of its own.
struct Replica(Process);

impl Replica {
    fn start(stack: &Stack) -> Self {
        let directory = stack.directory().join("replica");
        // What it had not told yet is in its own outbox, so it keeps its directory.
        std::fs::create_dir_all(&directory).expect("a directory of our own");
        let mut command: Command = stack.server("analyzer", &["run", "analyzer"]);
        command.arg("--data-dir").arg(&directory);
        command.env("ANCHORE_EVENTS__SERVICES__ANALYZER__PORT", "0").env("ANCHORE_EVENTS__ADMIN__PORT", "0");
        Self(Process::start(&mut command, stack.directory(), "replica"))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.0.kill9();
    }
}

#[test]
fn memory_does_not_grow_with_the_layer() {
    let larger = std::env::var_os(LAYER_VARIABLE).and_then(|size| size.to_str()?.parse().ok());
    let larger = larger.unwrap_or(LARGE_LAYER_MIB);
    let mut stack = Stack::start(Shape::LocalTogether);
    let mut peak = |mebibytes: u64| {
        let image = LargeImage::start(mebibytes);
        let begun = Instant::now();
        let added = stack.client(ADMIN).command(&["image", "add", &image.reference(), "--plain-http", "--wait"]);
        let added = crate::harness::run(&mut { added }, b"", RECOVERY_DEADLINE).ok();
        assert!(added.contains("analyzed"), "{added}");
        let peak_kib = stack.process("analyzer").peak_memory_kib();
        println!("{mebibytes} MiB: peak memory {peak_kib} KiB, {:.1} s", begun.elapsed().as_secs_f64());
        peak_kib
    };
    let smaller = peak(SMALL_LAYER_MIB);
    let larger = peak(larger);
    assert!(larger < smaller + GROWTH_KIB_MAX, "from {smaller} KiB to {larger} KiB");
}

//! The full stack of docker-compose.yml, in containers: what it is made of, and that it gets well by itself after each
//! fault without losing what it took.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::{
    Client, ComposeStack, Container, DEADLINE, all_are_listed_once_and_in_full, event, eventually, holds, lines_of, run,
};

const SERVICES: [&str; 8] =
    ["analyzer", "catalog", "events-store", "gateway", "nats", "notifier", "policy-engine", "postgres"];

/// Seconds that a container is paused or cut off; by hand, more.
const FAULT_VARIABLE: &str = "ACCEPTANCE_FAULT_SECONDS";
const FAULT_SECONDS: u64 = 3;

/// The load: so many events in one call, and a pause between calls.
const BATCH: u64 = 20;
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Pause,
    Disconnect,
}

#[test]
#[ignore = "needs a container engine; `cargo xtask test` runs it where one can be had"]
fn the_stack_gets_well_by_itself_and_keeps_what_it_took() {
    let seconds = std::env::var_os(FAULT_VARIABLE).and_then(|seconds| seconds.to_str()?.parse().ok());
    let span = Duration::from_secs(seconds.unwrap_or(FAULT_SECONDS));
    // A name that never resolves, so that the catalog has something to report with a network and without one.
    let stack = ComposeStack::prepare("faults", &[("docker.io/library/hello-world", "registry.invalid/team/app")]);
    let begun = Instant::now();
    stack.up();
    println!("healthy {:.1} s after `up`", begun.elapsed().as_secs_f64());

    let containers = stack.containers();
    let services: BTreeSet<&str> = containers.iter().map(|container| container.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(SERVICES));
    containers.iter().for_each(has_no_privileges);
    only_the_doors_are_published(&stack, &containers);

    let client = stack.client();
    eventually(DEADLINE, || {
        let listed = client.run(&["event", "list", "registry.invalid/team/app"]).stdout;
        holds(listed.contains("list_tags_fail"), || listed)
    });

    let load = Load::start(&client);
    for service in SERVICES {
        for fault in [Fault::Kill, Fault::Pause, Fault::Disconnect] {
            let took = suffer(&stack, &load, service, fault, span);
            println!("{service:<14} {fault:<10?} well again after {:4.1} s", took.as_secs_f64());
        }
    }
    let reported = load.finish();
    println!("{} events were reported as durable", reported.len());
    all_are_listed_once_and_in_full(&client, &reported);

    stack.down();
    stack.up();
    all_are_listed_once_and_in_full(&client, &reported);
    what_was_backed_up_comes_back(&stack, &client);
}

/// Both levels of each emitter; the tag moves within a minute.
const OF_THE_DEMO: [(&str, &str); 8] = [
    ("INFO", "feed_sync_start"),
    ("INFO", "feed_sync_complete"),
    ("INFO", "system.feeds.sync.group_completed"),
    ("ERROR", "system.feeds.sync.group_failed"),
    ("INFO", "tag_update"),
    ("ERROR", "list_tags_fail"),
    ("INFO", "user.image.analysis.completed"),
    ("ERROR", "analyze_image_fail"),
];

#[test]
#[ignore = "needs a container engine; `cargo xtask test` runs it where one can be had"]
fn the_demo_shows_every_kind_of_event_and_delivers_webhooks() {
    let stack = ComposeStack::prepare("demo", &[]);
    stack.up_with_demo();
    let client = stack.client();
    eventually(DEADLINE, || {
        let records = client.records(&[]);
        let is_listed = |(level, event_type): &(&str, &str)| {
            records.iter().any(|record| record["event"]["level"] == *level && record["event"]["type"] == *event_type)
        };
        let missing: Vec<_> = OF_THE_DEMO.iter().filter(|kind| !is_listed(kind)).collect();
        holds(missing.is_empty(), || format!("{missing:?} of the demo are not listed"))
    });
    eventually(DEADLINE, || {
        let shown = stack.log("demo-receiver");
        // Compose may put a control sequence before each line.
        let is_there = |headline: &str| shown.lines().any(|line| line.ends_with(headline));
        let is_shown =
            is_there("INFO feed_sync_start -") && is_there("ERROR list_tags_fail demo-registry:5000/team/forgotten");
        holds(is_shown, || shown.clone())
    });
}

/// The engine's description, and what the kernel says of the main process.
fn has_no_privileges(container: &Container) {
    let (service, host) = (&container.service, &container.description["HostConfig"]);
    assert_eq!(host["ReadonlyRootfs"], true, "{service}");
    assert_eq!(host["CapDrop"], serde_json::json!(["ALL"]), "{service}");
    assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges:true"]), "{service}");
    assert!(host["Memory"].as_u64().is_some_and(|bytes| bytes > 0), "{service} has a bound on its memory");
    let user = container.description["Config"]["User"].as_str().unwrap_or_default();
    assert!(!["", "0", "root"].contains(&user.split(':').next().unwrap_or_default()), "{service} runs as `{user}`");
    // Of an engine elsewhere the processes cannot be seen.
    let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", container.process())) else { return };
    let line = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so");
        value.trim_start_matches(':').split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(line("Uid").iter().all(|uid| uid != "0"), "{service}: {status}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(line(set), ["0000000000000000"], "{service}: {set}");
    }
    assert_eq!(line("NoNewPrivs"), ["1"], "{service}");
}

fn only_the_doors_are_published(stack: &ComposeStack, containers: &[Container]) {
    let bindings =
        containers.iter().filter_map(|container| container.description["HostConfig"]["PortBindings"].as_object());
    let published =
        bindings.flat_map(|ports| ports.values()).flat_map(|list| list.as_array().cloned().unwrap_or_default());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let published = published.map(|binding| format!("{}:{}", text(&binding["HostIp"]), text(&binding["HostPort"])));
    assert_eq!(published.collect::<BTreeSet<_>>(), BTreeSet::from(stack.doors()));
}

/// Every record to the byte, in the same order; the catalog may add what it meets after the restart.
fn what_was_backed_up_comes_back(stack: &ComposeStack, client: &Client) {
    let list = || client.run(&["-o", "ndjson", "event", "list", "--all"]).ok();
    let before = list();
    let backup = stack.back_up();
    stack.wipe();
    stack.restore(&backup);
    stack.up();
    let known: BTreeSet<&str> = before.lines().collect();
    let after = list();
    let restored = after.lines().filter(|line| known.contains(line));
    assert!(restored.eq(before.lines()), "the restored log is the one that was backed up");
}

/// Until every container is well and events are taken again; how long that took from the end of the fault.
fn suffer(stack: &ComposeStack, load: &Load, service: &str, fault: Fault, span: Duration) -> Duration {
    let container = stack.containers().into_iter().find(|container| container.service == service);
    let container = container.expect("a container of the stack");
    match fault {
        Fault::Kill => container.kill9(),
        Fault::Pause => {
            container.pause();
            // The fault itself; nothing is waited for.
            thread::sleep(span);
            container.unpause();
        }
        Fault::Disconnect => {
            container.disconnect();
            thread::sleep(span);
            container.connect();
        }
    }
    let ended = Instant::now();
    let before = load.calls();
    eventually(DEADLINE, || {
        let containers = stack.containers();
        let is_another = |now: &Container| now.service != service || now.process() != container.process();
        if matches!(fault, Fault::Kill) {
            holds(containers.iter().all(is_another), || format!("{service} was not started again"))?;
        }
        let troubles: Vec<String> = containers.iter().filter_map(Container::trouble).collect();
        holds(containers.len() == SERVICES.len() && troubles.is_empty(), || troubles.join(", "))?;
        // One call may have been on its way when the fault ended.
        holds(load.calls() >= before + 2, || "no events are taken".to_owned())
    });
    ended.elapsed()
}

/// Publishes all the time, and again what was not confirmed, as a careful user would.
struct Load {
    is_over: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (is_over, calls): (Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let (over, count, client) = (Arc::clone(&is_over), Arc::clone(&calls), client.clone());
        let thread = thread::spawn(move || {
            let (mut reported, mut first) = (BTreeSet::new(), 1);
            while !over.load(Ordering::Relaxed) {
                let lines = lines_of((first..first + BATCH).map(event));
                let output = run(&mut client.command(&["event", "publish", "-"]), lines.as_bytes(), DEADLINE);
                reported.extend(output.stdout.lines().map(str::to_owned));
                if output.code == 0 {
                    first += BATCH;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                thread::sleep(PAUSE);
            }
            reported
        });
        Self { is_over, calls, thread }
    }

    /// Calls in which every event was reported as durable.
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The ids of what was reported as durable.
    fn finish(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load does not panic").into_iter().collect()
    }
}

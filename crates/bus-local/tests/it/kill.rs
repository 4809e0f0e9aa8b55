//! `kill -9` of the process that publishes: what it confirmed must be in the file.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bus::{Bus, ConsumerSpec, Outgoing, Settlement, Verdict};
use bus_local::{LocalBus, LocalBusConfig};

const FILE: &str = "bus.db";

/// Not a test by itself: the process that is killed below. It publishes into its working directory and prints each ID
/// once it is confirmed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by `confirmed_messages_survive_kill_9`"]
async fn publish_until_killed() {
    let bus = LocalBus::open(Path::new(FILE), LocalBusConfig::default()).await.expect("an open bus");
    let mut stdout = std::io::stdout().lock();
    for part in 0..100_000 {
        let ids: Vec<String> = (0..10).map(|number| format!("id-{part}-{number}")).collect();
        let outgoing = ids.iter().map(|id| Outgoing {
            subject: "events.v1.admin.info.test.made".into(),
            id: id.clone(),
            payload: id.clone().into_bytes(),
        });
        let results = bus.publish(outgoing.collect()).await;
        for (id, result) in ids.iter().zip(results) {
            result.expect("published");
            writeln!(stdout, "{id}").expect("the parent reads");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmed_messages_survive_kill_9() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut confirmed = BTreeSet::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "kill::publish_until_killed", "--nocapture"])
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process that publishes");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut fresh = 0;
        for line in lines {
            let line = line.expect("a line");
            // The last line may be cut off by the kill; an ID of which digits are missing was confirmed as well.
            if line.starts_with("id-") {
                fresh += usize::from(confirmed.insert(line));
            }
            if fresh == round * 300 {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("ended");
        assert!(fresh >= round * 300, "the process ended by itself after {fresh} messages");
    }
    let bus = LocalBus::open(&directory.path().join(FILE), LocalBusConfig::default()).await.expect("an open bus");
    let spec = ConsumerSpec { name: "store", reads: None, ack_wait: Duration::from_mins(1), unsettled_max: 1000 };
    let consumer = bus.consumer(&spec).await.expect("a consumer");
    loop {
        let messages = consumer.fetch(1000, Duration::ZERO).await.expect("fetched");
        if messages.is_empty() {
            break;
        }
        let settle = |message: &bus::Message| Settlement { token: message.token.clone(), verdict: Verdict::Ack };
        consumer.settle(messages.iter().map(settle).collect()).await.expect("settled");
        for message in messages {
            confirmed.remove(&message.id);
        }
    }
    assert_eq!(confirmed, BTreeSet::new(), "confirmed and lost");
}

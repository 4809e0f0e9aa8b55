//! Short schedules with fixed seeds, as `cargo xtask chaos` runs them; any other seed is run by hand.
//!
//! Relies on `anchore-events` having been built (`cargo xtask test` does so first) and on the servers in `fixtures`.

use std::path::Path;
use std::process::Command;

/// Short ones leave out what only ends when the broker delivers again, a minute after a store or the broker was killed.
fn check(seed: u64, shape: &str, faults: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_chaos"));
    let server = program.with_file_name("anchore-events");
    assert!(server.is_file(), "`{}` is not there: run `cargo xtask test`, which builds it", server.display());
    let mut command = Command::new(program);
    command.args(["--seed", &seed.to_string(), "--shape", shape, "--faults", faults]);
    let output = command.args(["--seconds", "10", "--events", "2000"]).output().expect("the program can be started");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    println!("{said}{errors}");
}

#[test]
fn a_process_alone_survives_kills() {
    check(1, "local", "kill");
}

#[test]
fn a_process_alone_survives_kills_pauses_a_clock_set_back_and_a_disk_that_is_full_or_hangs() {
    check(2, "local", "kill,pause,disk,slow,clock");
}

#[test]
fn replicas_survive_postgres_restarted_mid_commit_or_read_only_and_connections_cut() {
    check(3, "nats", "postgres,readonly,cut");
}

#[test]
fn emitters_survive_kills_before_their_events_are_published() {
    check(4, "nats", "strand,disk");
}

#[test]
fn replicas_survive_pauses() {
    check(5, "nats", "pause,strand");
}

#[test]
fn everything_arrives_after_nats_was_away_and_an_emitter_restarted() {
    check(6, "nats", "outage");
}

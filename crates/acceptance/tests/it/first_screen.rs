//! What somebody sees who starts the server and knows nothing: the screen, and what its line does when it is pasted.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{DEADLINE, Output, Process, any_ports, client_program, eventually, holds, run, server_program};

/// A folder in which somebody starts the server.
struct Folder {
    directory: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// The usual ports may be somebody else's, and so is this test's only deviation.
    fn start(&self, arguments: &[&str]) -> Process {
        let mut command = Command::new(server_program());
        command.args(arguments).env_clear().current_dir(self.directory.path());
        any_ports(&mut command);
        Process::start(&mut command, self.directory.path(), "server")
    }

    /// Pastes a line into another terminal.
    fn paste(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env_clear().env("HOME", self.directory.path()).env("PATH", "/usr/bin:/bin");
        run(command.current_dir(self.directory.path()), b"", DEADLINE)
    }
}

/// The whole screen, once it is there.
fn screen(process: &mut Process) -> String {
    eventually(DEADLINE, || {
        assert_eq!(process.ended(), None, "{}", process.stderr());
        let screen = process.stdout();
        holds(screen.contains("The log follows."), || screen.clone()).map(|()| screen)
    })
}

/// The line to paste; through the built program where it would go through cargo.
fn pasted_line(screen: &str) -> String {
    let (_, rest) = screen.split_once("paste this into another terminal:").expect("the screen says what to do next");
    let line = rest.lines().map(str::trim).find(|line| !line.is_empty()).expect("a line to paste");
    line.replace("cargo run -q -p cli --", &client_program().display().to_string())
}

#[test]
fn in_an_empty_folder_the_pasted_line_works() {
    let folder = Folder::new();
    let mut server = folder.start(&[]);
    let screen = screen(&mut server);
    assert!(!screen.contains("  syncs "), "{screen}");
    for part in ["anchore-events ", "  listens ", "  watches ", "  data ", "admin, password "] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    let data = folder.directory.path().join("data");
    assert!(screen.contains(&data.display().to_string()), "{screen}");
    assert_eq!(folder.paste(&pasted_line(&screen)).ok(), "\n");
    let password = data.join("admin-password");
    assert_eq!(password.metadata().expect("the password is kept").permissions().mode() & 0o777, 0o600);
    let password = std::fs::read_to_string(password).expect("the password is kept");
    assert!(screen.contains(password.trim()), "{screen}");
    assert!(!server.stderr().contains(password.trim()), "a log is kept longer than a screen");

    // Another start has the same password.
    server.signal("TERM");
    assert_eq!(server.wait(DEADLINE), 0);
    let mut server = folder.start(&["run"]);
    let line = pasted_line(&self::screen(&mut server));
    assert!(line.contains(password.trim()), "{line}");
    assert_eq!(folder.paste(&line).ok(), "\n");
}

/// Without a network the failures are the first events; with one there are those of a sync that worked.
#[test]
fn with_the_shipped_configuration_there_is_something_to_show() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.yaml");
    let folder = Folder::new();
    std::fs::copy(shipped, folder.directory.path().join("config.yaml")).expect("the shipped configuration");
    let mut server = folder.start(&[]);
    let screen = screen(&mut server);
    assert!(!screen.contains("no repository yet"), "{screen}");
    assert!(screen.contains("  syncs       alpine v3.20/main every 6h\n"), "{screen}");
    let line = pasted_line(&screen);
    eventually(DEADLINE, || {
        let listed = folder.paste(&format!("{line} --service policy_engine")).ok();
        let is_there = |event_type: &str| listed.contains(&format!(" {event_type} "));
        holds(is_there("feed_sync_start") && (is_there("feed_sync_complete") || is_there("feed_sync_fail")), || {
            listed.clone()
        })
    });
    let line = format!("{line} --service catalog");
    let is_reachable = eventually(DEADLINE, || {
        let log = server.stderr();
        let is_listed = log.contains("repository reachable");
        holds(is_listed || log.contains("cannot list the tags"), || log).map(|()| is_listed)
    });
    if is_reachable {
        assert_eq!(folder.paste(&line).ok(), "\n");
        return;
    }
    let listed = eventually(DEADLINE, || {
        let listed = folder.paste(&line).ok();
        holds(listed.contains("list_tags_fail"), || listed.clone()).map(|()| listed)
    });
    assert_eq!(listed.lines().count(), 2, "one event: {listed}");
    let id = listed.split_whitespace().last().expect("the id is the last column");
    let got = folder.paste(&line.replace("event list --service catalog", &format!("event get {id}"))).ok();
    assert!(got.contains("cause:\n    code: ") && got.contains("    hint: "), "{got}");
}

#[test]
fn a_chosen_password_is_not_shown() {
    let folder = Folder::new();
    let mut command = Command::new(server_program());
    command.env_clear().env("ANCHORE_ADMIN_PASSWORD", "chosen").current_dir(folder.directory.path());
    any_ports(&mut command);
    let mut server = Process::start(&mut command, folder.directory.path(), "server");
    let screen = screen(&mut server);
    assert!(!screen.contains("chosen") && !server.stderr().contains("chosen"), "{screen}");
    assert!(!folder.directory.path().join("data/admin-password").exists());
}

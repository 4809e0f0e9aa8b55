//! `anchore-cli`, as a user runs it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{DEADLINE, client_program, eventually, holds, lines_of};

/// Somebody with an account of the stack.
#[derive(Debug, Clone, Copy)]
pub struct User {
    pub name: &'static str,
    pub password: &'static str,
}

pub const ADMIN: User = User { name: "admin", password: "admin-password" };
/// May write. The configuration has a hash of the password.
pub const ALICE: User = User { name: "alice", password: "wonderland" };
/// May read.
pub const BOB: User = User { name: "bob", password: "bob:password with blanks" };
/// May write, in another account.
pub const CAROL: User = User { name: "carol", password: "carol-password" };

/// What a program that has ended said.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output, of a program that did its work.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// Checks the exit code, and that each of `parts` was said.
    #[track_caller]
    pub fn refused(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        let said = format!("{}{}", self.stdout, self.stderr);
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in {self:#?}");
        }
    }
}

/// Runs a program to its end, with `input`.
///
/// # Panics
/// When it does not end within `deadline`; it is killed then.
#[track_caller]
pub fn run(command: &mut Command, input: &[u8], deadline: Duration) -> Output {
    let mut child = spawn(command);
    let mut stdin = child.stdin.take().expect("it is piped");
    let reading = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
        })
    };
    let stdout = reading(Box::new(child.stdout.take().expect("it is piped")));
    let stderr = reading(Box::new(child.stderr.take().expect("it is piped")));
    let input = input.to_vec();
    // A program may end without having read all of it.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let end = std::time::Instant::now() + deadline;
    let status = loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break Some(status),
            None if std::time::Instant::now() > end => break None,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = |reading: thread::JoinHandle<std::io::Result<String>>| {
        reading.join().expect("a reader does not panic").expect("a pipe can be read")
    };
    writing.join().expect("a writer does not panic");
    let code = status.and_then(|status| status.code()).unwrap_or(-1);
    let output = Output { code, stdout: text(stdout), stderr: text(stderr) };
    assert!(status.is_some(), "{command:?} did not end within {} s: {output:#?}", deadline.as_secs());
    output
}

fn spawn(command: &mut Command) -> Child {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A user's terminal.
#[derive(Debug, Clone)]
pub struct Client {
    pub url: String,
    pub user: User,
    /// Has no credentials file.
    home: PathBuf,
}

impl Client {
    pub fn new(url: String, user: User, home: &Path) -> Self {
        Self { url, user, home: home.to_owned() }
    }

    /// The program, with nothing of this machine's own settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(client_program());
        command.args(arguments).env_clear().env("HOME", &self.home).current_dir(&self.home);
        command.env("ANCHORE_CLI_URL", &self.url);
        command.env("ANCHORE_CLI_USER", self.user.name).env("ANCHORE_CLI_PASS", self.user.password);
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, b"")
    }

    #[track_caller]
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        run(&mut self.command(arguments), input, DEADLINE)
    }

    /// Starts the program with pipes; the caller waits for it.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        spawn(&mut self.command(arguments))
    }

    /// Every record that matches, newest first.
    #[track_caller]
    pub fn records(&self, filters: &[&str]) -> Vec<Value> {
        let listed = self.run(&[&["-o", "ndjson", "event", "list", "--all"], filters].concat()).ok();
        listed.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    /// The id of every event that matches, newest first. Events whose numbers are beyond this test's parser count too.
    #[track_caller]
    pub fn ids(&self, filters: &[&str]) -> Vec<String> {
        let listed = self.run(&[&["-o", "ndjson", "event", "list", "--all"], filters].concat()).ok();
        listed.lines().filter_map(id_in).collect()
    }

    /// Publishes events, one per line, and returns their ids.
    #[track_caller]
    pub fn publish(&self, events: &[Value]) -> Vec<String> {
        let printed = self.run_with(&["event", "publish", "-"], lines_of(events).as_bytes()).ok();
        printed.lines().map(str::to_owned).collect()
    }

    /// Publishes events and waits until they are listed.
    #[track_caller]
    pub fn store(&self, events: &[Value]) -> Vec<String> {
        let published = self.publish(events);
        assert_eq!(published.len(), events.len());
        eventually(DEADLINE, || {
            let listed = self.ids(&[]);
            let missing = published.iter().filter(|id| !listed.contains(id)).count();
            holds(missing == 0, || format!("{missing} of {} events are not listed", published.len()))
        });
        published
    }
}

/// The id of the record on a line of JSON, indented or not.
pub fn id_in(line: &str) -> Option<String> {
    let (_, rest) = line.rsplit_once("\"generated_uuid\":")?;
    Some(rest.trim_start_matches([' ', '"'])[..32].to_owned())
}

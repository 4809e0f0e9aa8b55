//! `event publish FILE|-`
//!
//! Each line stands alone: what is wrong with one is said, and the others are published. A thread reads ahead by a few
//! lines, so that a pause of the input (`tail -f`) sends what has come so far.

mod batch;
mod lines;
mod publisher;

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use event::AccountName;
use tokio::sync::mpsc;

use self::batch::{Batch, Pending};
use self::lines::{Line, LineReader};
use self::publisher::Publisher;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::IdsWriter;
use crate::settings::Settings;

/// Lines that are read ahead.
const LINES_AHEAD_MAX: usize = 16;
/// A pause of the input that sends what has come so far.
const INPUT_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct PublishFlags {
    /// File with one event per line: an object with `type`, `level`, `message` and `timestamp`, or a whole record as
    /// `event list -o ndjson` prints it; `-` for standard input
    file: PathBuf,
}

pub async fn run(flags: &PublishFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let account = settings.account()?;
    let ids = IdsWriter::new(settings.format, BufWriter::new(stdout().lock()))?;
    let input: Box<dyn Read + Send> =
        match flags.file.to_str() {
            Some("-") => Box::new(stdin()),
            _ => Box::new(File::open(&flags.file).map_err(|error| {
                Failure::usage(format!("the file `{}` cannot be read: {error}", flags.file.display()))
            })?),
        };
    let mut publisher = Publisher::new(Connection::open(settings).await?, ids);
    let ended = publish_all(read_ahead(input), &account, &mut publisher).await;
    publisher.finish()?;
    ended?;
    Ok(if publisher.refused() == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Reads on a thread of its own, which waits while nobody takes its lines. It ends with the input or with the process:
/// a read from a terminal cannot be broken off.
fn read_ahead(input: Box<dyn Read + Send>) -> mpsc::Receiver<std::io::Result<Line>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD_MAX);
    std::thread::spawn(move || {
        let mut lines = LineReader::new(BufReader::new(input));
        while let Some(line) = lines.next_line().transpose() {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                break;
            }
        }
    });
    receiver
}

async fn publish_all<W: std::io::Write>(
    mut lines: mpsc::Receiver<std::io::Result<Line>>,
    account: &AccountName,
    publisher: &mut Publisher<'_, W>,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    loop {
        let received = if batch.is_empty() {
            lines.recv().await
        } else if let Ok(received) = tokio::time::timeout(INPUT_PAUSE, lines.recv()).await {
            received
        } else {
            publisher.publish(batch.take()).await?;
            continue;
        };
        let Some(line) = received else { return publisher.publish(batch.take()).await };
        match line {
            Ok(line) => match Pending::parse(line, account) {
                Ok(Some(pending)) => batch.push(pending),
                Ok(None) => (),
                Err((number, problems)) => publisher.refuse(number, &problems),
            },
            Err(error) => {
                publisher.publish(batch.take()).await?;
                return Err(Failure::usage(format!("the input cannot be read: {error}")));
            }
        }
        if batch.is_full() {
            publisher.publish(batch.take()).await?;
        }
    }
}

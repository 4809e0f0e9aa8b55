//! `feeds sync [FEED[/GROUP]]`

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::Json;
use proto::policy_engine::v1::{FeedGroup, SyncFeedsRequest, SyncSummary};
use tonic::Status;

use super::progress::Progress;
use super::shown::{group_tree, name, outcome};
use crate::connection::{Connection, answer, in_time};
use crate::failure::Failure;
use crate::output::{Format, number, object, write_tree};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub struct SyncFlags {
    /// A feed, or a group of it such as `alpine/v3.20/main`; without it, every feed
    #[arg(value_name = "FEED[/GROUP]")]
    what: Option<String>,
    /// Take over a group although it has lost more than a fifth of its records
    #[arg(long)]
    accept_drop: bool,
}

impl SyncFlags {
    /// # Errors
    /// An empty name, which would mean everything; or records that are to be given up without saying where.
    fn request(&self) -> Result<SyncFeedsRequest, Failure> {
        let (feed, group) = match self.what.as_deref() {
            None => ("", ""),
            Some(what) => match what.split_once('/') {
                None if what.is_empty() => {
                    return Err(Failure::usage("FEED: it is empty; leave it out to sync every feed"));
                }
                None => (what, ""),
                Some((feed, group)) if !feed.is_empty() && !group.is_empty() => (feed, group),
                Some(_) => {
                    return Err(Failure::usage(format!(
                        "`{what}` is neither a feed nor a group, expected such as alpine/v3.20/main"
                    )));
                }
            },
        };
        if self.accept_drop && group.is_empty() {
            return Err(Failure::usage("--accept-drop: needs one group, such as alpine/v3.20/main"));
        }
        Ok(SyncFeedsRequest { feed: feed.to_owned(), group: group.to_owned(), accept_drop: self.accept_drop })
    }
}

pub async fn run(flags: &SyncFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let request = flags.request()?;
    let connection = Connection::open(settings).await?;
    let request = connection.request(request);
    let mut ended = Vec::new();
    let mut progress = Progress::new();
    let is_table = matches!(settings.format, Format::Table | Format::Wide);
    let followed = follow(&connection, request, |group| {
        if group.progress.is_some() {
            progress.show(&group);
            return Ok(());
        }
        progress.clear();
        if is_table {
            write_group(&group, &mut stdout())?;
        }
        ended.push(group);
        Ok(())
    })
    .await;
    progress.clear();
    let summary = match followed {
        Ok(summary) => summary?,
        Err(status) => return Err(connection.failure(&status)),
    };
    if is_table {
        writeln!(stdout(), "{}", summary_text(summary))?;
    } else {
        write_tree(&tree(&ended, summary), "groups", settings.format, &mut stdout())?;
    }
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Follows the sync to its end, and hands on each group that has come farther or has ended.
async fn follow(
    connection: &Connection<'_>,
    request: tonic::Request<SyncFeedsRequest>,
    mut report: impl FnMut(FeedGroup) -> std::io::Result<()>,
) -> Result<std::io::Result<SyncSummary>, Status> {
    let mut messages = answer(connection.feeds().sync_feeds(request)).await?;
    while let Some(message) = in_time(messages.message()).await? {
        for group in message.groups {
            if let Err(error) = report(group) {
                return Ok(Err(error));
            }
        }
        if let Some(summary) = message.summary {
            return Ok(Ok(summary));
        }
    }
    Err(Status::unavailable(
        "the policy-engine ended before the sync did; see `anchore-cli feeds list` for what came of it",
    ))
}

fn write_group(group: &FeedGroup, out: &mut dyn Write) -> std::io::Result<()> {
    let Some(result) = &group.last_result else { return Ok(()) };
    match &result.cause {
        Some(cause) => writeln!(out, "{}: failed: {}: {}\n  {}", name(group), cause.code, cause.summary, cause.hint),
        None => writeln!(out, "{}: {} records: {}", name(group), group.records.unwrap_or_default(), outcome(result)),
    }
}

fn summary_text(summary: SyncSummary) -> String {
    let SyncSummary { synced, failed } = summary;
    match failed {
        0 => format!("Synced {synced} groups"),
        _ => format!("Synced {synced} groups, {failed} failed and keep the records that they had"),
    }
}

fn tree(groups: &[FeedGroup], summary: SyncSummary) -> Json {
    object([
        ("groups", Json::Array(groups.iter().map(group_tree).collect())),
        ("synced", number(summary.synced)),
        ("failed", number(summary.failed)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_names_a_feed_or_a_group() {
        let check = |what: Option<&str>, accept_drop: bool, expected: Result<(&str, &str), &str>| {
            let flags = SyncFlags { what: what.map(str::to_owned), accept_drop };
            match (flags.request(), expected) {
                (Ok(request), Ok((feed, group))) => {
                    assert_eq!((request.feed.as_str(), request.group.as_str()), (feed, group));
                }
                (Err(failure), Err(part)) => assert!(failure.to_string().contains(part), "{failure}"),
                (request, expected) => panic!("{request:?}, expected {expected:?}"),
            }
        };
        check(None, false, Ok(("", "")));
        check(Some("alpine"), false, Ok(("alpine", "")));
        check(Some("alpine/v3.20/main"), true, Ok(("alpine", "v3.20/main")));
        check(Some(""), false, Err("leave it out to sync every feed"));
        check(Some("alpine/"), false, Err("neither a feed nor a group"));
        check(Some("alpine"), true, Err("--accept-drop: needs one group"));
    }
}

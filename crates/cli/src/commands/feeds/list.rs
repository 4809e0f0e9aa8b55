//! `feeds list`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use event::{Clock, Json, SystemClock, Timestamp};
use proto::policy_engine::v1::{FeedGroup, ListFeedsRequest};

use super::shown::{age, group_tree, name, state, time};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, write_columns, write_tree};
use crate::settings::Settings;

pub async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection.request(ListFeedsRequest {});
    let listed = answer(connection.feeds().list_feeds(request)).await;
    let listed = listed.map_err(|status| connection.failure(&status))?;
    let groups: Vec<FeedGroup> = listed.feeds.into_iter().flat_map(|feed| feed.groups).collect();
    let mut out = BufWriter::new(stdout().lock());
    write(&groups, SystemClock.now(), settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write(groups: &[FeedGroup], now: Timestamp, form: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if !matches!(form, Format::Table | Format::Wide) {
        let tree = object([("groups", Json::Array(groups.iter().map(group_tree).collect()))]);
        return write_tree(&tree, "groups", form, out);
    }
    let mut titles = vec!["Feed", "Group", "Records", "Synced", "Age", "Last result"];
    if form == Format::Wide {
        titles.extend(["Changed", "Next sync"]);
    }
    let rows: Vec<Vec<String>> = groups.iter().map(|group| row(group, now, form)).collect();
    write_columns(&titles, &rows, out)?;
    for group in groups {
        if let Some(cause) = group.last_result.as_ref().and_then(|result| result.cause.as_ref()) {
            writeln!(out, "\n{}: {}\n  {}", name(group), cause.summary, cause.hint)?;
        }
    }
    Ok(())
}

fn row(group: &FeedGroup, now: Timestamp, form: Format) -> Vec<String> {
    let stale = if group.is_stale { " (stale)" } else { "" };
    let synced = time(group.synced_at.as_ref());
    let mut row = vec![
        group.feed.clone(),
        group.name.clone(),
        group.records.map_or("-".to_owned(), |records| records.to_string()),
        if synced.is_empty() { "never".to_owned() } else { synced },
        age(group.synced_at.as_ref(), now) + stale,
        state(group),
    ];
    if form == Format::Wide {
        row.push(time(group.changed_at.as_ref()));
        let next = time(group.next_sync_at.as_ref());
        row.push(if next.is_empty() { "now".to_owned() } else { next });
    }
    row
}

#[cfg(test)]
mod tests {
    use proto::policy_engine::v1::{FailureCause, Outcome, RecordCounts, SyncResult};
    use proto::timestamp_to_proto;

    use super::*;

    fn groups() -> Vec<FeedGroup> {
        let at = |text: &str| Some(timestamp_to_proto(text.parse().unwrap()));
        let counts = RecordCounts { added: 3, changed: 1, withdrawn: 0, skipped: 0 };
        let cause = FailureCause {
            code: "dns".to_owned(),
            summary: "the name `feeds.example.com` cannot be resolved".to_owned(),
            hint: "Check the spelling.".to_owned(),
            since: at("2026-11-30T03:00:00Z"),
            failures: 4,
        };
        vec![
            FeedGroup {
                feed: "alpine".to_owned(),
                name: "v3.20/main".to_owned(),
                records: Some(1284),
                synced_at: at("2026-11-30T02:00:00Z"),
                last_result: Some(SyncResult {
                    outcome: Outcome::Updated.into(),
                    counts: Some(counts),
                    ..SyncResult::default()
                }),
                ..FeedGroup::default()
            },
            FeedGroup {
                feed: "osv".to_owned(),
                name: "npm".to_owned(),
                is_stale: true,
                last_result: Some(SyncResult {
                    outcome: Outcome::Failed.into(),
                    cause: Some(cause),
                    ..SyncResult::default()
                }),
                ..FeedGroup::default()
            },
        ]
    }

    fn print(groups: &[FeedGroup], form: Format) -> String {
        let mut out = Vec::new();
        write(groups, "2026-11-30T04:05:00Z".parse().unwrap(), form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_shows_each_group_and_why_one_fails() {
        let printed = print(&groups(), Format::Table);
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "Feed          Group             Records        Synced                      Age              Last result",
                "alpine        v3.20/main        1284           2026-11-30T02:00:00Z        2h 5m            3 added, 1 changed, 0 withdrawn",
                "osv           npm               -              never                       - (stale)        failed: dns since 2026-11-30T03:00:00Z",
                "",
                "osv/npm: the name `feeds.example.com` cannot be resolved",
                "  Check the spelling.",
            ]
        );
        assert_eq!(print(&[], Format::Table), "\n");
    }

    #[test]
    fn a_line_of_json_is_a_group() {
        let printed = print(&groups(), Format::Ndjson);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"feed":"alpine","group":"v3.20/main","last_result":{"added":3,"changed":1,"downloaded_bytes":0,"outcome":"updated","skipped":0,"withdrawn":0},"records":1284,"stale":false,"synced_at":"2026-11-30T02:00:00Z"}"#
        );
        assert!(lines[1].contains(r#""cause":{"code":"dns","failing_since":"2026-11-30T03:00:00Z","failures":4,"#));
    }
}

//! A watched repository, as it is shown.

use std::io::Write;

use event::Json;
use proto::catalog::v1::{FailureCause, Repository, RepositoryStatus, Tag};
use proto::timestamp_from_proto;

use crate::failure::Failure;
use crate::output::{Format, number, object, text, write_columns, write_tree};

pub const TITLES: [&str; 6] = ["Repository", "Tags", "State", "Since", "Last success", "From"];

pub fn row(repository: &Repository) -> Vec<String> {
    let status = repository.status.clone().unwrap_or_default();
    let has_tags = status.last_success_at.is_some();
    vec![
        name(repository),
        if has_tags { status.tag_count.to_string() } else { String::new() },
        state(&status),
        status.last_cause.as_ref().map(|cause| time(cause.since.as_ref())).unwrap_or_default(),
        time(status.last_success_at.as_ref()),
        if repository.configured { "configuration" } else { "repo add" }.to_owned(),
    ]
}

/// With its tag, where one tag is watched.
fn name(repository: &Repository) -> String {
    match repository.tag.as_str() {
        "" => repository.name.clone(),
        tag => format!("{}:{tag}", repository.name),
    }
}

fn state(status: &RepositoryStatus) -> String {
    match (&status.last_cause, &status.held_until, &status.last_success_at) {
        (Some(cause), _, _) => cause.code.clone(),
        (None, Some(until), _) => format!("held back until {}", time(Some(until))),
        (None, None, Some(_)) => "ok".to_owned(),
        (None, None, None) => "not looked at yet".to_owned(),
    }
}

/// Why it does not work, below a table.
pub fn write_cause(repository: &Repository, out: &mut dyn Write) -> Result<(), Failure> {
    let status = repository.status.clone().unwrap_or_default();
    if let Some(cause) = &status.last_cause {
        writeln!(out, "\n{}: {}\n  {}", name(repository), cause.summary, cause.hint)?;
    }
    Ok(())
}

/// One repository and its tags, in any form.
pub fn write_one(repository: &Repository, tags: &[Tag], format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if !matches!(format, Format::Table | Format::Wide) {
        let Json::Object(mut members) = repository_tree(repository) else { unreachable!("it is made as an object") };
        members.push(("latest_tags".to_owned(), Json::Array(tags.iter().map(tag_tree).collect())));
        return write_tree(&Json::Object(members).sorted(), "", format, out);
    }
    write_columns(&TITLES, &[row(repository)], out)?;
    write_cause(repository, out)?;
    if tags.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let rows: Vec<Vec<String>> = tags.iter().map(tag_row).collect();
    write_columns(&["Tag", "Digest", "Changed", "State"], &rows, out)?;
    for (tag, cause) in tags.iter().filter_map(|tag| Some((tag, tag.cause.as_ref()?))) {
        writeln!(out, "\n{}: {}\n  {}", tag.name, cause.summary, cause.hint)?;
    }
    Ok(())
}

fn tag_row(tag: &Tag) -> Vec<String> {
    let state = tag.cause.as_ref().map_or("ok", |cause| &cause.code);
    let state = if tag.digest.is_empty() && tag.cause.is_none() { "not looked at yet" } else { state };
    vec![tag.name.clone(), tag.digest.clone(), time(tag.changed_at.as_ref()), state.to_owned()]
}

pub fn repository_tree(repository: &Repository) -> Json {
    let status = repository.status.clone().unwrap_or_default();
    object([
        ("name", text(&repository.name)),
        ("tag", text(&repository.tag)),
        ("account", text(&repository.account)),
        ("insecure", Json::Bool(repository.insecure)),
        ("configured", Json::Bool(repository.configured)),
        ("added_at", text(&time(repository.added_at.as_ref()))),
        ("state", text(&state(&status))),
        ("last_success_at", text(&time(status.last_success_at.as_ref()))),
        ("tag_count", number(status.tag_count)),
        ("pending_count", number(status.pending_count)),
        ("held_until", text(&time(status.held_until.as_ref()))),
        ("last_cause", status.last_cause.as_ref().map_or(Json::Null, cause_tree)),
    ])
}

fn tag_tree(tag: &Tag) -> Json {
    object([
        ("name", text(&tag.name)),
        ("digest", text(&tag.digest)),
        ("changed_at", text(&time(tag.changed_at.as_ref()))),
        ("cause", tag.cause.as_ref().map_or(Json::Null, cause_tree)),
    ])
}

fn cause_tree(cause: &FailureCause) -> Json {
    object([
        ("code", text(&cause.code)),
        ("msg", text(&cause.summary)),
        ("hint", text(&cause.hint)),
        ("failing_since", text(&time(cause.since.as_ref()))),
        ("failures", number(cause.failures)),
        ("during", text(&cause.during)),
    ])
}

/// A time as events have it; empty where there is none.
fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(|time| timestamp_from_proto(time).ok()).map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Option<prost_types::Timestamp> = Some(prost_types::Timestamp { seconds: 1_530_330_987, nanos: 0 });

    fn repository(status: RepositoryStatus) -> Repository {
        Repository {
            name: "r.example/team/app".into(),
            status: Some(status),
            configured: true,
            ..Repository::default()
        }
    }

    fn failing() -> RepositoryStatus {
        let cause = FailureCause {
            code: "auth".into(),
            summary: "no".into(),
            hint: "Do.".into(),
            since: AT,
            ..FailureCause::default()
        };
        RepositoryStatus { last_cause: Some(cause), ..RepositoryStatus::default() }
    }

    #[test]
    fn a_row_tells_how_it_is_and_since_when() {
        let works = RepositoryStatus { last_success_at: AT, tag_count: 3, ..RepositoryStatus::default() };
        let row_of = |status: RepositoryStatus| row(&repository(status));
        let time = "2018-06-30T03:56:27Z";
        assert_eq!(row_of(works), ["r.example/team/app", "3", "ok", "", time, "configuration"]);
        assert_eq!(row_of(failing()), ["r.example/team/app", "", "auth", time, "", "configuration"]);
        assert_eq!(row_of(RepositoryStatus::default())[2], "not looked at yet");
        let held = RepositoryStatus { held_until: AT, ..RepositoryStatus::default() };
        assert_eq!(row_of(held)[2], format!("held back until {time}"));
    }

    #[test]
    fn one_repository_is_shown_with_its_causes_and_tags() {
        let tag = Tag { name: "1.0".into(), digest: "sha256:0".into(), ..Tag::default() };
        let broken = Tag { name: "x".into(), cause: failing().last_cause, ..Tag::default() };
        let mut out = Vec::new();
        write_one(&repository(failing()), &[tag, broken], Format::Table, &mut out).unwrap();
        let printed = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert_eq!(lines[2..5], ["", "r.example/team/app: no", "  Do."]);
        assert_eq!(lines[7].split_whitespace().collect::<Vec<_>>(), ["1.0", "sha256:0", "-", "ok"]);
        assert_eq!(lines[lines.len() - 2..], ["x: no", "  Do."]);
        let mut out = Vec::new();
        write_one(&repository(failing()), &[], Format::Json, &mut out).unwrap();
        let printed = String::from_utf8(out).unwrap();
        assert!(printed.contains("\"latest_tags\": []") && printed.contains("\"code\": \"auth\""), "{printed}");
    }
}

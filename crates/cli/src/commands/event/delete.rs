//! `event delete [EVENT_ID]`

mod progress;
mod prompt;

use std::io::{BufWriter, IsTerminal, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Args;
use event::{Clock, FilterDraft, SystemClock, Timestamp};
use proto::events::v1::purge_events_response::Step;
use proto::events::v1::{DeleteEventRequest, PurgeEventsRequest};
use tonic::Status;

use self::progress::Progress;
use self::prompt::{Answer, ask};
use super::filter_flags::FilterFlags;
use super::get::{check_id, not_found_or};
use crate::connection::{Connection, answer, in_time};
use crate::failure::Failure;
use crate::output::{Format, IdsWriter};
use crate::settings::Settings;

#[derive(Debug, Default, Args)]
pub struct DeleteFlags {
    /// ID of the one event to delete. Without an ID and without filters, all events are deleted,
    /// after a question
    #[arg(value_name = "EVENT_ID")]
    id: Option<String>,
    #[command(flatten)]
    filter: FilterFlags,
    /// Filter events based on the resource: a tag, image digest or repository name
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    /// Do not ask before deleting all events
    #[arg(long)]
    dontask: bool,
    /// Delete all events, or all that match the filters
    #[arg(long)]
    all: bool,
}

/// What is to be deleted.
#[derive(Debug)]
enum Target<'a> {
    One(&'a str),
    Matching(FilterDraft),
    Everything,
}

impl DeleteFlags {
    /// # Errors
    /// Flags that contradict each other, or that would delete more than they seem to.
    fn target(&self, now: Timestamp) -> Result<Target<'_>, Failure> {
        let filters: Vec<_> =
            self.filter.given().chain(self.resource.as_deref().map(|value| ("--resource", value))).collect();
        // An unset variable of a script must not turn a filter into "everything".
        if let Some((flag, _)) = filters.iter().find(|(_, value)| value.is_empty()) {
            return Err(Failure::usage(format!(
                "{flag}: the value is empty; leave the option out to delete all events"
            )));
        }
        match &self.id {
            Some(id) => match filters.first().map(|(flag, _)| *flag).or(self.all.then_some("--all")) {
                None => Ok(Target::One(id)),
                Some(flag) => Err(Failure::usage(format!("either an event ID or {flag}, not both"))),
            },
            None if filters.is_empty() => Ok(Target::Everything),
            None => Ok(Target::Matching(self.filter.filter(self.resource.as_deref(), now)?)),
        }
    }
}

pub async fn run(flags: &DeleteFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let target = flags.target(SystemClock.now())?;
    let ids = IdsWriter::new(settings.format, BufWriter::new(stdout().lock()))?;
    let connection = Connection::open(settings).await?;
    match target {
        Target::One(id) => delete_one(id, connection).await,
        Target::Matching(filter) => purge(filter, connection, ids, settings.format).await,
        Target::Everything if flags.dontask || confirms(settings.format)? => {
            purge(FilterDraft::default(), connection, ids, settings.format).await
        }
        Target::Everything => Ok(ExitCode::SUCCESS),
    }
}

fn confirms(format: Format) -> Result<bool, Failure> {
    let is_terminal = stdin().is_terminal();
    // Where standard output is for a program, the question goes beside it.
    let answered = match format {
        Format::Table => ask(&mut stdin().lock(), &mut stdout().lock(), is_terminal)?,
        _ => ask(&mut stdin().lock(), &mut stderr().lock(), is_terminal)?,
    };
    match answered {
        Answer::Yes => Ok(true),
        Answer::No => Ok(false),
        Answer::Nobody => Err(Failure::usage(
            "nobody answered the question whether to delete all events, so none were deleted; add --dontask to delete \
             without a question",
        )),
    }
}

async fn delete_one(id: &str, connection: Connection<'_>) -> Result<ExitCode, Failure> {
    check_id(id)?;
    let request = connection.request(DeleteEventRequest { id: id.to_owned() });
    let answered = answer(connection.events().delete_event(request)).await;
    answered.map_err(|status| not_found_or(&status, &connection))?;
    Ok(ExitCode::SUCCESS)
}

async fn purge<W: Write>(
    filter: FilterDraft,
    connection: Connection<'_>,
    mut ids: IdsWriter<W>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let request = connection
        .request(PurgeEventsRequest { filter: Some(proto::filter_to_proto(filter)), ..PurgeEventsRequest::default() });
    let mut progress = Progress::start();
    let mut deleted = 0;
    let ended = delete_steps(&connection, request, |step_ids, count| {
        deleted = count;
        progress.show(count);
        // The text form tells the count alone.
        let listed = if format == Format::Table { &[] } else { step_ids };
        listed.iter().try_for_each(|id| ids.add(id))
    })
    .await;
    progress.clear();
    if format != Format::Table {
        ids.finish()?;
    }
    match ended {
        Ok(Ok(())) if format == Format::Table => {
            let text =
                if deleted == 0 { "No matching events found".to_owned() } else { format!("Deleted {deleted} events") };
            writeln!(stdout(), "{text}")?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Ok(())) => Ok(ExitCode::SUCCESS),
        Ok(Err(output)) => Err(output.into()),
        Err(status) => {
            if deleted > 0 {
                eprintln!("{deleted} events were deleted before this failed; run the command again for the rest");
            }
            Err(connection.failure(&status))
        }
    }
}

/// Runs the call to its end, and hands each batch's ids and the count so far to `report`.
async fn delete_steps(
    connection: &Connection<'_>,
    request: tonic::Request<PurgeEventsRequest>,
    mut report: impl FnMut(&[String], i64) -> std::io::Result<()>,
) -> Result<std::io::Result<()>, Status> {
    let mut steps = answer(connection.events().purge_events(request)).await?;
    while let Some(answered) = in_time(steps.message()).await? {
        if let Some(Step::Progress(batch)) = answered.step
            && let Err(error) = report(&batch.deleted_ids, batch.deleted_count)
        {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flags: &DeleteFlags, expected: &str) {
        let now = "2018-06-30T12:00:00Z".parse().unwrap();
        let target = match flags.target(now) {
            Ok(Target::One(id)) => format!("one {id}"),
            Ok(Target::Matching(filter)) => format!("since {:?}", filter.since.map(|since| since.to_string())),
            Ok(Target::Everything) => "everything".to_owned(),
            Err(failure) => failure.to_string(),
        };
        assert_eq!(target, expected);
    }

    #[test]
    fn flags_select_what_is_deleted() {
        let flags = DeleteFlags::default;
        let since = |text: &str| FilterFlags { since: Some(text.into()), ..FilterFlags::default() };
        check(&flags(), "everything");
        check(&DeleteFlags { all: true, ..flags() }, "everything");
        check(&DeleteFlags { filter: since("1h"), all: true, ..flags() }, "since Some(\"2018-06-30T11:00:00Z\")");
        check(&DeleteFlags { id: Some("7".into()), dontask: true, ..flags() }, "one 7");
        check(&DeleteFlags { id: Some("7".into()), all: true, ..flags() }, "either an event ID or --all, not both");
        check(
            &DeleteFlags { id: Some("7".into()), filter: since("1h"), ..flags() },
            "either an event ID or --since, not both",
        );
        let empty = "the value is empty; leave the option out to delete all events";
        check(&DeleteFlags { filter: since(""), ..flags() }, &format!("--since: {empty}"));
        check(&DeleteFlags { resource: Some(String::new()), ..flags() }, &format!("--resource: {empty}"));
    }
}

//! `event get ID`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::{EventId, StoredEvent, Violation};
use proto::events::v1::GetEventRequest;
use tonic::{Code, Status};

use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, listing, to_python_json};
use crate::record::{event_without_nulls, record};
use crate::settings::Settings;
use crate::yaml::to_yaml;

#[derive(Debug, Args)]
pub struct GetFlags {
    /// ID of the event
    #[arg(value_name = "EVENT_ID")]
    id: String,
}

pub async fn run(flags: &GetFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    check_id(&flags.id)?;
    let request = connection.request(GetEventRequest { id: flags.id.clone() });
    let answered = answer(connection.events().get_event(request)).await;
    let answered = answered.map_err(|status| not_found_or(&status, &connection))?;
    let event = answered.event.ok_or_else(|| Failure::answer(Violation::new("event", "missing").into()))?;
    let stored: StoredEvent = event.try_into().map_err(Failure::answer)?;
    let mut out = BufWriter::new(stdout().lock());
    write_event(stored, settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write_event(stored: StoredEvent, format: Format, out: &mut dyn Write) -> std::io::Result<()> {
    match format {
        // Old clients print the YAML and then a line break of their own.
        Format::Table => writeln!(out, "{}", to_yaml(&event_without_nulls(stored))),
        Format::Json => writeln!(out, "{}", to_python_json(&record(stored))),
        Format::Wide | Format::Ndjson | Format::Yaml | Format::Csv => {
            let mut listing = listing(format, false);
            listing.add(stored, out)?;
            listing.finish(false, out)
        }
    }
}

/// An ID is matched as text (contract 3.4): one that no event can have is not found, but why is said.
pub fn check_id(id: &str) -> Result<(), Failure> {
    match id.parse::<EventId>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::not_found(vec![("id".to_owned(), error.to_string())])),
    }
}

/// The contract's words for an unknown ID; anything else as it is.
pub fn not_found_or(status: &Status, connection: &Connection<'_>) -> Failure {
    match status.code() {
        Code::NotFound => Failure::not_found(Vec::new()),
        _ => connection.failure(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::page_event;

    fn print(format: Format) -> String {
        let mut out = Vec::new();
        write_event(page_event(), format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn yaml_ends_in_a_blank_line_and_json_is_the_whole_record() {
        assert!(print(Format::Table).ends_with("type: list_tags_fail\n\n"));
        let json = print(Format::Json);
        assert!(json.starts_with("{\n    \"created_at\": \"2018-06-30T03:56:27.803114Z\",\n    \"event\": {"));
        assert!(json.ends_with("\"generated_uuid\": \"d77736ac78a043a9b84b3a1b8171aa44\"\n}\n"));
        assert_eq!(print(Format::Ndjson).lines().count(), 1);
    }

    #[test]
    fn a_malformed_id_is_not_found_and_says_why() {
        let failure = check_id("7").unwrap_err();
        assert_eq!(failure.to_string(), "Event not found");
        assert!(matches!(failure, Failure::Refused { fields, .. } if fields[0].1.contains("32 lower-case hex digits")));
        assert!(check_id("d77736ac78a043a9b84b3a1b8171aa44").is_ok());
    }
}

//! `webhook why EVENT ENDPOINT`

mod answer;

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::{EventId, Json};
use proto::events::v1::GetEventRequest;
use proto::notifier::v1;
use tonic::Code;

use self::answer::in_words;
use super::shown::{delivery_tree, endpoint_tree};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, text, write_tree};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub struct WhyFlags {
    /// ID of the event
    #[arg(value_name = "EVENT")]
    event: String,
    /// Name of the endpoint
    endpoint: String,
}

pub async fn run(flags: &WhyFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    if let Err(error) = flags.event.parse::<EventId>() {
        return Err(Failure::usage(format!("EVENT: {error}")));
    }
    let connection = Connection::open(settings).await?;
    // The notifier knows the events that it has sent to somebody; of any other the store tells.
    let request = connection.request(GetEventRequest { id: flags.event.clone() });
    let event = match answer(connection.events().get_event(request)).await {
        Ok(answered) => answered.event,
        Err(status) if matches!(status.code(), Code::NotFound | Code::Unavailable) => None,
        Err(status) => return Err(connection.failure(&status)),
    };
    let message = v1::ExplainRequest { event_id: flags.event.clone(), endpoint: flags.endpoint.clone(), event };
    let request = connection.request(message);
    let explained = answer(connection.notifier().explain(request)).await;
    let explained = explained.map_err(|status| connection.failure(&status))?;
    if explained.event.is_none() {
        return Err(Failure::not_found(vec![(
            "event".to_owned(),
            format!("neither the store nor the notifier knows `{}`: was it deleted?", flags.event),
        )]));
    }
    let mut out = stdout().lock();
    if matches!(settings.format, Format::Table | Format::Wide) {
        write!(out, "{}", in_words(&explained))?;
    } else {
        write_tree(&tree(&explained), "", settings.format, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tree(explained: &v1::ExplainResponse) -> Json {
    let criterion = |criterion: &v1::Criterion| {
        object([
            ("name", text(&criterion.name)),
            ("wanted", text(&criterion.wanted)),
            ("found", text(&criterion.found)),
            ("holds", Json::Bool(criterion.holds)),
        ])
    };
    object([
        ("endpoint", explained.endpoint.as_ref().map_or(Json::Null, endpoint_tree)),
        ("matched", Json::Bool(explained.criteria.iter().all(|criterion| criterion.holds))),
        ("criteria", Json::Array(explained.criteria.iter().map(criterion).collect())),
        ("delivery", explained.delivery.as_ref().map_or(Json::Null, delivery_tree)),
    ])
}

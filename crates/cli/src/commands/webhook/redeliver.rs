//! `webhook redeliver`

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::{Clock, SystemClock};
use proto::notifier::v1;

use crate::commands::event::filter_flags::FilterFlags;
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, number, object, write_tree};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub struct RedeliverFlags {
    /// One delivery by its ID
    #[arg(value_name = "DELIVERY_ID")]
    id: Option<String>,
    /// Those to this endpoint
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// About this resource
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    #[command(flatten)]
    filter: FilterFlags,
    /// Everything that was given up, at every endpoint
    #[arg(long)]
    all: bool,
    /// Also what was delivered already
    #[arg(long)]
    delivered: bool,
}

pub async fn run(flags: &RedeliverFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let message = flags.message()?;
    let connection = Connection::open(settings).await?;
    let request = connection.request(message);
    let again = answer(connection.notifier().redeliver(request)).await;
    let count = again.map_err(|status| connection.failure(&status))?.count;
    let mut out = stdout().lock();
    if !matches!(settings.format, Format::Table | Format::Wide) {
        write_tree(&object([("count", number(count))]), "", settings.format, &mut out)?;
    } else if count == 0 {
        writeln!(out, "Nothing to send again: what is selected waits to be sent already, or was delivered")?;
    } else {
        writeln!(out, "Sending {count} again")?;
    }
    Ok(ExitCode::SUCCESS)
}

impl RedeliverFlags {
    fn message(&self) -> Result<v1::RedeliverRequest, Failure> {
        let selects = self.endpoint.is_some() || self.resource.is_some() || self.filter.given().next().is_some();
        match &self.id {
            Some(_) if selects || self.all => Err(Failure::usage("either a delivery ID or a selection, not both")),
            Some(id) => Ok(v1::RedeliverRequest { id: id.clone(), filter: None }),
            None if !selects && !self.all => Err(Failure::usage(
                "what to send again? Expected a delivery ID, or a selection such as --endpoint NAME or --since 2h, or --all",
            )),
            None => {
                let event = self.filter.filter(self.resource.as_deref(), SystemClock.now())?;
                let mut states = vec![v1::DeliveryState::Dead.into()];
                if self.delivered {
                    states.push(v1::DeliveryState::Delivered.into());
                }
                let filter = v1::DeliveryFilter {
                    endpoint: self.endpoint.clone().unwrap_or_default(),
                    states,
                    event: Some(proto::filter_to_proto(event)),
                    ..v1::DeliveryFilter::default()
                };
                Ok(v1::RedeliverRequest { id: String::new(), filter: Some(filter) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_sent_again_only_when_it_is_asked_for() {
        let flags = || RedeliverFlags {
            id: None,
            endpoint: None,
            resource: None,
            filter: FilterFlags::default(),
            all: false,
            delivered: false,
        };
        assert!(flags().message().unwrap_err().to_string().starts_with("what to send again?"));
        assert!(RedeliverFlags { id: Some("7".into()), all: true, ..flags() }.message().is_err());
        assert_eq!(RedeliverFlags { id: Some("7".into()), ..flags() }.message().unwrap().id, "7");
        let dead = RedeliverFlags { all: true, ..flags() }.message().unwrap().filter.unwrap();
        assert_eq!(dead.states, [i32::from(v1::DeliveryState::Dead)]);
    }
}

//! `event list [RESOURCE]`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::{Clock, SystemClock};

use super::filter_flags::FilterFlags;
use crate::connection::Connection;
use crate::event_pages::EventPages;
use crate::failure::Failure;
use crate::output::listing;
use crate::settings::Settings;

/// Events without `--all`.
const FIRST_EVENTS: usize = 100;

#[derive(Debug, Args)]
pub struct ListFlags {
    /// Value can be a tag, image digest or repository name. Displays results related to the specific resource
    resource: Option<String>,
    #[command(flatten)]
    filter: FilterFlags,
    /// Display all results. If not specified only the first 100 events are displayed
    #[arg(long)]
    all: bool,
    /// Display more columns
    #[arg(long)]
    full: bool,
}

pub async fn run(flags: &ListFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let filter = flags.filter.filter(flags.resource.as_deref(), SystemClock.now())?;
    let connection = Connection::open(settings).await?;
    let mut pages = EventPages::new(connection, filter, (!flags.all).then_some(FIRST_EVENTS));
    let mut out = BufWriter::new(stdout().lock());
    let mut listing = listing(settings.format, flags.full);
    while let Some(events) = pages.next().await? {
        for event in events {
            listing.add(event, &mut out)?;
        }
    }
    listing.finish(pages.has_more(), &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

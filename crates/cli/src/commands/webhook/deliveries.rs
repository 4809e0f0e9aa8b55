//! `webhook deliveries [ENDPOINT]`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::{Clock, Json, SystemClock};
use proto::notifier::v1;

use super::shown::{delivery_tree, state, time};
use crate::commands::event::filter_flags::FilterFlags;
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, write_columns, write_tree};
use crate::settings::Settings;

/// Deliveries without `--all`.
const FIRST_DELIVERIES: i32 = 100;
/// Deliveries of one page where all are asked for.
const PAGE_DELIVERIES_MAX: i32 = 1000;

#[derive(Debug, Args)]
pub struct DeliveriesFlags {
    /// Name of an endpoint
    endpoint: Option<String>,
    /// Only what went wrong: given up, or waiting after an attempt that failed
    #[arg(long)]
    failed: bool,
    /// Only what waits to be sent
    #[arg(long)]
    waiting: bool,
    /// About this resource
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,
    #[command(flatten)]
    filter: FilterFlags,
    /// Display all results. If not specified only the first 100 are displayed
    #[arg(long)]
    all: bool,
}

pub async fn run(flags: &DeliveriesFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let event = flags.filter.filter(flags.resource.as_deref(), SystemClock.now())?;
    let states = if flags.waiting { vec![v1::DeliveryState::Pending.into()] } else { Vec::new() };
    let filter = v1::DeliveryFilter {
        endpoint: flags.endpoint.clone().unwrap_or_default(),
        states,
        event: Some(proto::filter_to_proto(event)),
        failed: flags.failed,
        ..v1::DeliveryFilter::default()
    };
    let connection = Connection::open(settings).await?;
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = connection.request(v1::ListDeliveriesRequest {
            filter: Some(filter.clone()),
            page_size: Some(if flags.all { PAGE_DELIVERIES_MAX } else { FIRST_DELIVERIES }),
            page_token,
        });
        let page = answer(connection.notifier().list_deliveries(request)).await;
        let page = page.map_err(|status| connection.failure(&status))?;
        found.extend(page.deliveries);
        page_token = page.next_page_token;
        if page_token.is_empty() || !flags.all {
            break;
        }
    }
    let mut out = BufWriter::new(stdout().lock());
    write(&found, !page_token.is_empty(), settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write(deliveries: &[v1::Delivery], has_more: bool, form: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if !matches!(form, Format::Table | Format::Wide) {
        let tree = object([("deliveries", Json::Array(deliveries.iter().map(delivery_tree).collect()))]);
        return write_tree(&tree, "deliveries", form, out);
    }
    let titles = ["Created", "State", "Attempts", "Endpoint", "Event", "Event ID", "Reason", "Delivery"];
    let rows: Vec<Vec<String>> = deliveries.iter().map(row).collect();
    write_columns(&titles, &rows, out)?;
    if has_more {
        writeln!(out, "\nThere are more; --all shows them.")?;
    }
    Ok(())
}

fn row(delivery: &v1::Delivery) -> Vec<String> {
    let event = delivery.event.clone().unwrap_or_default();
    vec![
        time(delivery.created_at.as_ref()),
        state(delivery).to_owned(),
        delivery.attempt_count.to_string(),
        delivery.endpoint.clone(),
        event.r#type,
        event.id,
        if delivery.reason.is_empty() { "-".to_owned() } else { delivery.reason.clone() },
        delivery.id.clone(),
    ]
}

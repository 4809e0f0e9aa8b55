//! `webhook add`, `webhook update` and `webhook del`

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args;
use prost_types::FieldMask;
use proto::notifier::v1;

use super::settings_flags::SettingsFlags;
use super::shown::{endpoint_tree, rule};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, write_tree};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub struct AddFlags {
    /// Name of the endpoint, such as `ops`
    name: String,
    /// Where it is; `<userId>` and `<notification_type>` are filled in
    #[arg(value_name = "URL")]
    target: String,
    #[command(flatten)]
    settings: SettingsFlags,
    /// Events of every account; admins only
    #[arg(long)]
    all_accounts: bool,
}

#[derive(Debug, Args)]
pub struct UpdateFlags {
    /// Name of the endpoint
    name: String,
    /// Where it is from now on
    #[arg(long = "to", value_name = "URL")]
    target: Option<String>,
    #[command(flatten)]
    settings: SettingsFlags,
}

#[derive(Debug, Args)]
pub struct DelFlags {
    /// Name of the endpoint
    name: String,
}

pub async fn add(flags: &AddFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let mut endpoint = v1::Endpoint { name: flags.name.clone(), url: flags.target.clone(), ..v1::Endpoint::default() };
    flags.settings.apply(&mut endpoint)?;
    let connection = Connection::open(settings).await?;
    let message = v1::CreateEndpointRequest { endpoint: Some(endpoint), all_accounts: flags.all_accounts };
    let request = connection.request(message);
    let added = Box::pin(answer(connection.notifier().create_endpoint(request))).await;
    let added = added.map_err(|status| connection.failure(&status))?.endpoint.unwrap_or_default();
    show(&added, "Added", settings.format)
}

pub async fn update(flags: &UpdateFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    // What is not given of limits and retries stays as it is.
    let request = connection.request(v1::GetEndpointRequest { name: flags.name.clone() });
    let found = answer(connection.notifier().get_endpoint(request)).await;
    let mut endpoint = found.map_err(|status| connection.failure(&status))?.endpoint.unwrap_or_default();
    let mut paths = flags.settings.apply(&mut endpoint)?;
    if let Some(url) = &flags.target {
        endpoint.url.clone_from(url);
        paths.push("url".to_owned());
    }
    if paths.is_empty() {
        return Err(Failure::usage(
            "nothing to change is given; `anchore-cli webhook update --help` lists what can be",
        ));
    }
    let message = v1::UpdateEndpointRequest { endpoint: Some(endpoint), update_mask: Some(FieldMask { paths }) };
    let request = connection.request(message);
    let changed = Box::pin(answer(connection.notifier().update_endpoint(request))).await;
    let changed = changed.map_err(|status| connection.failure(&status))?.endpoint.unwrap_or_default();
    show(&changed, "Changed", settings.format)
}

pub async fn del(flags: &DelFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection.request(v1::DeleteEndpointRequest { name: flags.name.clone() });
    let removed = answer(connection.notifier().delete_endpoint(request)).await;
    let given_up = removed.map_err(|status| connection.failure(&status))?.given_up_count;
    let waiting = if given_up > 0 {
        format!("; {given_up} notifications that waited for it are given up")
    } else {
        String::new()
    };
    writeln!(stdout(), "Removed {}{waiting}", flags.name)?;
    Ok(ExitCode::SUCCESS)
}

fn show(endpoint: &v1::Endpoint, what: &str, format: Format) -> Result<ExitCode, Failure> {
    let mut out = stdout().lock();
    if matches!(format, Format::Table | Format::Wide) {
        writeln!(out, "{what} {}: {} gets {}", endpoint.name, endpoint.url, rule(endpoint))?;
        let trust =
            if endpoint.trust.is_empty() { "not signed, no credentials".to_owned() } else { endpoint.trust.join(", ") };
        writeln!(out, "  {trust}")?;
        writeln!(out, "  `anchore-cli webhook test {}` tries it", endpoint.name)?;
    } else {
        write_tree(&endpoint_tree(endpoint), "", format, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

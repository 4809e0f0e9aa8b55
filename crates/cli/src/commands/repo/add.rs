//! `repo add REPO`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use proto::catalog::v1::AddRepositoryRequest;

use super::NameFlag;
use super::shown::write_one;
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub struct AddFlags {
    #[command(flatten)]
    repository: NameFlag,
    /// The registry is reached by plain HTTP; so does --insecure, which concerns the event log's own server, too
    #[arg(long)]
    plain_http: bool,
}

pub async fn run(flags: &AddFlags, insecure: bool, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection
        .request(AddRepositoryRequest { name: flags.repository.name.clone(), insecure: insecure || flags.plain_http });
    let added = answer(connection.repositories().add_repository(request)).await;
    let added = added.map_err(|status| connection.failure(&status))?.repository.unwrap_or_default();
    let mut out = BufWriter::new(stdout().lock());
    write_one(&added, &[], settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

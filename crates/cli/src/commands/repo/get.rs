//! `repo get REPO`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use proto::catalog::v1::GetRepositoryRequest;

use super::NameFlag;
use super::shown::write_one;
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::settings::Settings;

pub async fn run(flag: &NameFlag, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection.request(GetRepositoryRequest { name: flag.name.clone() });
    let got = answer(connection.repositories().get_repository(request)).await;
    let got = got.map_err(|status| connection.failure(&status))?;
    let mut out = BufWriter::new(stdout().lock());
    write_one(&got.repository.unwrap_or_default(), &got.latest_tags, settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

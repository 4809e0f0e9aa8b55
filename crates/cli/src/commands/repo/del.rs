//! `repo del REPO`

use std::io::{Write, stdout};
use std::process::ExitCode;

use proto::catalog::v1::DeleteRepositoryRequest;

use super::NameFlag;
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, text, write_tree};
use crate::settings::Settings;

pub async fn run(flag: &NameFlag, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection.request(DeleteRepositoryRequest { name: flag.name.clone() });
    let deleted = answer(connection.repositories().delete_repository(request)).await;
    deleted.map_err(|status| connection.failure(&status))?;
    match settings.format {
        // What old clients say.
        Format::Table | Format::Wide => writeln!(stdout(), "Success")?,
        format => write_tree(&object([("deleted", text(&flag.name))]), "", format, &mut stdout().lock())?,
    }
    Ok(ExitCode::SUCCESS)
}

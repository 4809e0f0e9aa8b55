//! `repo list`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::Args;
use event::Json;
use proto::catalog::v1::{ListRepositoriesRequest, Repository};

use super::shown::{TITLES, repository_tree, row, write_cause};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, write_columns, write_tree};
use crate::settings::Settings;

/// Repositories without `--all`, and on one page.
const FIRST_REPOSITORIES: usize = 100;

#[derive(Debug, Args)]
pub struct ListFlags {
    /// Display all repositories. If not specified only the first 100 are displayed
    #[arg(long)]
    all: bool,
}

pub async fn run(flags: &ListFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let mut request = ListRepositoriesRequest::default();
    let mut repositories = Vec::new();
    loop {
        let page = connection.request(request.clone());
        let page = answer(connection.repositories().list_repositories(page)).await;
        let page = page.map_err(|status| connection.failure(&status))?;
        repositories.extend(page.repositories);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || (!flags.all && repositories.len() >= FIRST_REPOSITORIES) {
            break;
        }
    }
    let mut out = BufWriter::new(stdout().lock());
    write(&repositories, !request.page_token.is_empty(), settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write(repositories: &[Repository], has_more: bool, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if !matches!(format, Format::Table | Format::Wide) {
        let repositories = repositories.iter().map(repository_tree).collect();
        return write_tree(&object([("repositories", Json::Array(repositories))]), "repositories", format, out);
    }
    let rows: Vec<Vec<String>> = repositories.iter().map(row).collect();
    write_columns(&TITLES, &rows, out)?;
    for repository in repositories {
        write_cause(repository, out)?;
    }
    if has_more {
        writeln!(out, "\nThere are more; --all shows them.")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_shows_the_repositories() {
        let repository = Repository { name: "r.example/a".into(), tag: "1".into(), ..Repository::default() };
        let print = |format, has_more| {
            let mut out = Vec::new();
            write(std::slice::from_ref(&repository), has_more, format, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(print(Format::Table, false).lines().nth(1).unwrap().starts_with("r.example/a:1 "));
        assert!(print(Format::Table, true).ends_with("--all shows them.\n"));
        assert_eq!(print(Format::Ndjson, false).lines().count(), 1);
        assert!(print(Format::Json, false).starts_with("{\n    \"repositories\": ["));
    }
}

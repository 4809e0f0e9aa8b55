//! `image list`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use event::{Clock, Json, SystemClock};
use proto::analyzer::v1::{Image, ListImagesRequest, State};

use super::shown::{image_tree, row, titles};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, object, write_columns, write_tree};
use crate::settings::Settings;

/// Images without `--all`, and on one page.
const FIRST_IMAGES: usize = 100;

#[derive(Debug, Args)]
pub struct ListFlags {
    /// Only images in this state; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<StateFlag>,
    /// Display all images. If not specified only the first 100 are displayed
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateFlag {
    Queued,
    Analyzing,
    Analyzed,
    Failed,
    #[value(alias = "put_aside")]
    PutAside,
}

impl StateFlag {
    fn to_proto(self) -> State {
        match self {
            Self::Queued => State::Queued,
            Self::Analyzing => State::Analyzing,
            Self::Analyzed => State::Analyzed,
            Self::Failed => State::Failed,
            Self::PutAside => State::PutAside,
        }
    }
}

pub async fn run(flags: &ListFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let mut request = ListImagesRequest {
        states: flags.state.iter().map(|state| state.to_proto().into()).collect(),
        ..ListImagesRequest::default()
    };
    let mut images = Vec::new();
    loop {
        let page = connection.request(request.clone());
        let page = answer(connection.images().list_images(page)).await;
        let page = page.map_err(|status| connection.failure(&status))?;
        images.extend(page.images);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || (!flags.all && images.len() >= FIRST_IMAGES) {
            break;
        }
    }
    let mut out = BufWriter::new(stdout().lock());
    write(&images, !request.page_token.is_empty(), settings.format, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn write(images: &[Image], has_more: bool, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if !matches!(format, Format::Table | Format::Wide) {
        let images = images.iter().map(image_tree).collect();
        return write_tree(&object([("images", Json::Array(images))]), "images", format, out);
    }
    let now = SystemClock.now();
    let rows: Vec<Vec<String>> = images.iter().map(|image| row(image, now)).collect();
    write_columns(&titles(), &rows, out)?;
    if has_more {
        writeln!(out, "\nThere are more; --all shows them.")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_shows_the_images() {
        let image = Image { id: "7".into(), repository: "a/b".into(), tags: vec!["1".into()], ..Image::default() };
        let print = |format, has_more| {
            let mut out = Vec::new();
            write(std::slice::from_ref(&image), has_more, format, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(print(Format::Table, false).lines().nth(1).unwrap().starts_with("a/b:1 "));
        assert!(print(Format::Table, true).ends_with("--all shows them.\n"));
        assert_eq!(print(Format::Ndjson, false).lines().count(), 1);
        assert!(print(Format::Json, false).starts_with("{\n    \"images\": ["));
    }
}

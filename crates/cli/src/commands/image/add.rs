//! `image add REF`

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use event::{Clock, SystemClock};
use proto::analyzer::v1::{GetImageRequest, Image, QueueImageRequest, State};

use super::shown::{image_tree, name, row, time, titles};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, write_columns, write_tree};
use crate::settings::Settings;

/// How often is looked whether an image is done.
const POLL_CYCLE: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct AddFlags {
    /// Image by tag or digest, such as `registry.example.com:5000/team/app:1.0` or `alpine@sha256:...`
    #[arg(value_name = "REF")]
    reference: String,
    /// The registry is reached by plain HTTP; so does --insecure, which concerns the event log's own server, too
    #[arg(long)]
    plain_http: bool,
    /// Wait until it is analysed; exit 1 if that fails
    #[arg(long)]
    wait: bool,
}

pub async fn run(flags: &AddFlags, insecure: bool, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = QueueImageRequest {
        reference: flags.reference.clone(),
        insecure: insecure || flags.plain_http,
        request_id: String::new(),
    };
    let request = connection.request(request);
    let queued = answer(connection.images().queue_image(request)).await;
    let mut image = queued.map_err(|status| connection.failure(&status))?.image.unwrap_or_default();
    while flags.wait && is_open(&image) {
        tokio::time::sleep(POLL_CYCLE).await;
        let request = connection.request(GetImageRequest { id: image.id.clone() });
        let looked = answer(connection.images().get_image(request)).await;
        image = looked.map_err(|status| connection.failure(&status))?.image.unwrap_or_default();
    }
    let mut out = BufWriter::new(stdout().lock());
    write(&image, settings.format, &mut out)?;
    out.flush()?;
    let has_failed = flags.wait && image.state() != State::Analyzed;
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn is_open(image: &Image) -> bool {
    matches!(image.state(), State::Queued | State::Analyzing)
}

fn write(image: &Image, format: Format, out: &mut dyn Write) -> Result<(), Failure> {
    if !matches!(format, Format::Table | Format::Wide) {
        return write_tree(&image_tree(image), "", format, out);
    }
    write_columns(&titles(), &[row(image, SystemClock.now())], out)?;
    for unknown in image.summary.iter().flat_map(|summary| &summary.unknowns) {
        writeln!(out, "\nUnknown: {}: {}", unknown.path, unknown.reason)?;
    }
    if let (Some(failure), false) = (&image.failure, is_open(image)) {
        writeln!(out, "\n{}: {}\n  {}", name(image), failure.summary, failure.hint)?;
        if let Some(next) = &image.next_attempt_time {
            writeln!(out, "  It is tried again at {}.", time(Some(next)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proto::analyzer::v1::{Failure as ImageFailure, Summary, Unknown};

    use super::*;

    fn print(image: &Image, format: Format) -> String {
        let mut out = Vec::new();
        write(image, format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn why_it_failed_is_said_below() {
        let failure = ImageFailure { summary: "no".into(), hint: "Do.".into(), ..ImageFailure::default() };
        let tags = vec!["1.0".into()];
        let image = Image {
            state: State::Failed.into(),
            failure: Some(failure),
            repository: "r.example/a".into(),
            tags,
            ..Image::default()
        };
        let printed = print(&image, Format::Table);
        assert!(printed.ends_with("\n\nr.example/a:1.0: no\n  Do.\n"), "{printed}");
        let queued = Image { state: State::Queued.into(), ..image };
        assert_eq!(print(&queued, Format::Table).lines().count(), 2, "what is queued again has not failed");
    }

    #[test]
    fn what_is_unknown_is_said_below() {
        let unknown = Unknown { path: "etc/os-release".into(), reason: "is no text".into(), ..Unknown::default() };
        let summary = Summary { unknowns: vec![unknown], ..Summary::default() };
        let image = Image { state: State::Analyzed.into(), summary: Some(summary), ..Image::default() };
        assert!(print(&image, Format::Table).ends_with("\n\nUnknown: etc/os-release: is no text\n"));
        assert!(print(&image, Format::Json).contains("\"path\": \"etc/os-release\""));
    }
}

//! From the server onto this machine's disk: bounded, counted, verified.

use std::path::Path;

use cause::{Cause, CauseCode};
use outbound::Answer;

use crate::document::Document;
use crate::progress::GroupProgress;
use crate::source::is_gzip;
use crate::spool::SpoolWriter;
use crate::verification::verify;

/// Takes the body of an answer.
///
/// # Errors
/// It does not arrive whole, is larger than `bytes_max`, or is not what the server announced.
pub(crate) async fn download(
    mut answer: Answer,
    directory: &Path,
    bytes_max: u64,
    progress: &GroupProgress,
) -> Result<Document, Cause> {
    let announced = answer.content_length();
    if announced.is_some_and(|announced| announced > bytes_max) {
        return Err(too_large(&answer, bytes_max));
    }
    let is_gzip = is_gzip(&answer)?;
    progress.downloading(announced);
    let mut spool = SpoolWriter::new(directory)?;
    while let Some(chunk) = answer.chunk().await? {
        if spool.bytes() + chunk.len() as u64 > bytes_max {
            return Err(too_large(&answer, bytes_max));
        }
        spool.write(&chunk).await?;
        progress.downloaded(chunk.len());
    }
    let spool = spool.finish().await?;
    verify(answer.headers(), &spool).map_err(|cause| cause.with_evidence("url", answer.url().as_str()))?;
    Ok(Document { spool, is_gzip })
}

fn too_large(answer: &Answer, bytes_max: u64) -> Cause {
    let summary = format!("the download is larger than {bytes_max} bytes");
    let hint = "Check that the address is that of a feed; if the feed has grown, raise \
                services.policy_engine.download_bytes_max.";
    Cause::new(CauseCode::TooLarge, summary, hint)
        .with_evidence("url", answer.url().as_str())
        .with_evidence("bytes_max", bytes_max)
        .with_evidence("bytes_announced", answer.content_length())
}

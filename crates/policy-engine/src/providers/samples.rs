//! What the tests of every provider need.

use cause::Cause;
use tokio::sync::mpsc;

use crate::document::Document;
use crate::record::RecordSink;
use crate::spool::SpoolWriter;

/// The IDs of the records in order, and how many were skipped; or a part of the cause.
pub(crate) type Expected<'a> = Result<(&'a [&'a str], u64), &'a str>;

/// Reads `body` as if it had been downloaded. Its records must fit into one batch.
pub(crate) fn check(
    read: impl FnOnce(&Document, &mut RecordSink) -> Result<(), Cause>,
    body: &str,
    expected: Expected<'_>,
) {
    let document = document(body.as_bytes());
    let (sender, mut batches) = mpsc::channel(1);
    let mut sink = RecordSink::new(sender, 1000);
    match (read(&document, &mut sink), expected) {
        (Ok(()), Ok((ids, skipped))) => {
            let reading = sink.finish().unwrap();
            let records = batches.try_recv().unwrap_or_default();
            let found: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
            assert_eq!((found.as_slice(), reading.skips.count), (ids, skipped), "{body} {:?}", reading.skips);
        }
        (Err(cause), Err(part)) => assert!(format!("{cause:?}").contains(part), "{cause:?}"),
        (read, expected) => panic!("{body}: {read:?}, expected {expected:?}"),
    }
}

fn document(body: &[u8]) -> Document {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spool = runtime.block_on(async {
        let mut writer = SpoolWriter::new(tempfile::tempdir().unwrap().path()).unwrap();
        writer.write(body).await.unwrap();
        writer.finish().await.unwrap()
    });
    Document { spool, is_gzip: false }
}

//! A downloaded document, and how one that is a single JSON text is read: piece by piece, so that its size does not
//! matter.

use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use cause::{Cause, CauseCode};
use flate2::bufread::GzDecoder;
use serde_json::de::IoRead;
use serde_json::error::Category;

use crate::budget::{Budget, Budgeted, READ_AHEAD_BYTES};
use crate::spool::Spool;

/// Most bytes of a document that an event shows.
const SHOWN_BYTES_MAX: u64 = 512;

/// A document as it was downloaded.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) spool: Spool,
    /// Whether it was packed for the way (`Content-Encoding: gzip`).
    pub(crate) is_gzip: bool,
}

/// What a JSON text is read with.
pub(crate) type Json = serde_json::Deserializer<IoRead<Box<dyn BufRead>>>;

impl Document {
    /// Reads the one JSON value that the document is.
    ///
    /// # Errors
    /// It is damaged, beyond a bound, or not what `read` expects.
    pub(crate) fn read_json<T>(
        &self,
        budget: &Rc<Budget>,
        read: impl FnOnce(&mut Json) -> Result<T, serde_json::Error>,
    ) -> Result<T, Cause> {
        let mut text = self.unpacked(budget);
        let first = first_byte(&mut text).map_err(cause_of_io)?;
        match first {
            None => return Err(empty()),
            Some(b'<') => return Err(self.web_page()),
            Some(_) => {}
        }
        let mut json: Json = serde_json::Deserializer::from_reader(text);
        let value = read(&mut json).and_then(|value| json.end().map(|()| value));
        value.map_err(|error| cause_of_json(error).with_evidence("body", self.beginning()))
    }

    /// The first bytes as text, for evidence; empty where they cannot be unpacked.
    pub(crate) fn beginning(&self) -> String {
        let mut bytes = Vec::new();
        let budget = Budget::new(self.spool.bytes);
        // What was unpacked before an error is worth showing too.
        let _ = self.unpacked(&budget).take(SHOWN_BYTES_MAX).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn web_page(&self) -> Cause {
        let hint = "Open the address in a browser: a login page, a proxy's notice or an error page is served in place of \
                    the feed.";
        Cause::new(CauseCode::Parse, "a web page came in place of the feed", hint)
            .with_evidence("body", self.beginning())
    }

    fn unpacked(&self, budget: &Rc<Budget>) -> Box<dyn BufRead> {
        let packed = BufReader::with_capacity(READ_AHEAD_BYTES, self.spool.reader(0, u64::MAX));
        let unpacked: Box<dyn Read> = if self.is_gzip { Box::new(GzDecoder::new(packed)) } else { Box::new(packed) };
        Box::new(BufReader::with_capacity(READ_AHEAD_BYTES, Budgeted::new(unpacked, Rc::clone(budget))))
    }
}

pub(crate) fn empty() -> Cause {
    let hint = "Check the address of the feed; if it is right, its publisher has to be told.";
    Cause::new(CauseCode::Parse, "the document is empty", hint)
}

/// The first byte that is no blank, which stays to be read.
fn first_byte(text: &mut dyn BufRead) -> io::Result<Option<u8>> {
    loop {
        let buffer = text.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let blanks = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let first = buffer.get(blanks).copied();
        text.consume(blanks);
        if first.is_some() {
            return Ok(first);
        }
    }
}

/// An error of a reader: a cause of ours, or what the unpacking met.
pub(crate) fn cause_of_io(error: io::Error) -> Cause {
    match error.downcast::<Cause>() {
        Ok(cause) => cause,
        Err(error) => damaged(&error.to_string()),
    }
}

/// What was packed cannot be unpacked.
pub(crate) fn damaged(error: &str) -> Cause {
    let hint = "It was cut off or damaged on the way: it is downloaded again in the next sync. If this comes back, the \
                server has it damaged.";
    Cause::new(CauseCode::Checksum, "the download is damaged and cannot be unpacked", hint)
        .with_evidence("error", error)
}

fn cause_of_json(error: serde_json::Error) -> Cause {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    match error.classify() {
        Category::Io => cause_of_io(error.into()),
        Category::Eof => {
            let hint = "It was cut off where it is made, or by a proxy: it is downloaded again in the next sync.";
            Cause::new(CauseCode::Parse, format!("the document ends in the middle ({place})"), hint)
                .with_retryable(true)
                .with_evidence("error", text)
        }
        Category::Syntax => {
            let hint = "Check the address of the feed. If `body` is the feed, its publisher has to be told.";
            Cause::new(CauseCode::Parse, format!("the document is no JSON ({place})"), hint)
                .with_evidence("error", text)
        }
        Category::Data => {
            let hint = "Check that `kind` and `url` of the feed in services.policy_engine.feeds belong together. If they \
                        do, the format has changed: look for a newer release of this program.";
            Cause::new(CauseCode::Parse, format!("the document is not of the kind of its feed ({place})"), hint)
                .with_evidence("error", text)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::spool::SpoolWriter;

    async fn check(body: &[u8], is_gzip: bool, expected: Result<u64, &str>) {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = SpoolWriter::new(directory.path()).unwrap();
        writer.write(body).await.unwrap();
        let document = Document { spool: writer.finish().await.unwrap(), is_gzip };
        let budget = Budget::new(document.spool.bytes);
        let read = document.read_json(&budget, |json| serde::Deserialize::deserialize(json));
        match (read, expected) {
            (Ok(value), expected) => assert_eq!(Ok::<u64, &str>(value), expected),
            (Err(cause), Err(expected)) => assert!(cause.to_string().starts_with(expected), "{cause:?}"),
            (Err(cause), Ok(_)) => panic!("{cause:?}"),
        }
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn each_kind_of_damage_has_its_cause() {
        check(b" \n 17 \n", false, Ok(17)).await;
        check(&packed(b"17"), true, Ok(17)).await;
        check(b"", false, Err("parse: the document is empty")).await;
        check(b"  \n", false, Err("parse: the document is empty")).await;
        check(b"\n<!DOCTYPE html>", false, Err("parse: a web page came")).await;
        check(b"17 18", false, Err("parse: the document is no JSON (line 1, column 4)")).await;
        check(b"[1, 2", false, Err("parse: the document is not of the kind")).await;
        check(b"\"\xff\"", false, Err("parse: the document is no JSON")).await;
        check(b"-", false, Err("parse: the document ends in the middle")).await;
        let whole = packed(b"17");
        check(&whole[..whole.len() - 9], true, Err("checksum: the download is damaged")).await;
        check(b"no gzip at all", true, Err("checksum: the download is damaged")).await;
        let mut altered = packed(b"17");
        let crc_at = altered.len() - 8;
        altered[crc_at] ^= 1;
        check(&altered, true, Err("checksum: the download is damaged")).await;
        check(&packed(&vec![b' '; 32 << 20]), true, Err("too_large: the download unpacks to")).await;
    }
}

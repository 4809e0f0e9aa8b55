//! Splits an input into lines of bounded length.

use std::io::{self, BufRead};

/// Longest line, in bytes without its line break. The largest event that a server takes is a third of it.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// The text without its line break, or what is wrong with it.
    pub text: Result<String, String>,
}

pub struct LineReader<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> LineReader<R> {
    pub fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line; `None` at the end. Of a line that is too long, no more than the bound is kept in memory.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut length = 0;
        loop {
            let read = match self.input.fill_buf() {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                break;
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = &read[..end.unwrap_or(read.len())];
            let room = LINE_BYTES_MAX.saturating_sub(bytes.len());
            bytes.extend_from_slice(&part[..part.len().min(room)]);
            length += part.len();
            let consumed = part.len() + usize::from(end.is_some());
            self.input.consume(consumed);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        let text = if length > LINE_BYTES_MAX {
            Err(format!("{length} bytes, expected at most {LINE_BYTES_MAX}"))
        } else {
            String::from_utf8(bytes)
                .map_err(|error| format!("not UTF-8 after byte {}", error.utf8_error().valid_up_to()))
        };
        Ok(Some(Line { number: self.number, text }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn check(input: &[u8], expected: &[(u64, Result<&str, &str>)]) {
        // A small buffer cuts lines in pieces.
        let mut lines = LineReader::new(BufReader::with_capacity(3, input));
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            read.push(line);
        }
        let expected: Vec<Line> = expected
            .iter()
            .map(|(number, text)| Line { number: *number, text: text.map(Into::into).map_err(Into::into) })
            .collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn lines_are_numbered_from_one() {
        check(b"", &[]);
        check(b"abcd\n\nef", &[(1, Ok("abcd")), (2, Ok("")), (3, Ok("ef"))]);
        check(b"a\r\n", &[(1, Ok("a\r"))]);
    }

    #[test]
    fn a_line_that_is_no_text_is_named_and_the_next_is_read() {
        check(b"ab\xff\nc\n", &[(1, Err("not UTF-8 after byte 2")), (2, Ok("c"))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_the_next_is_read() {
        let fitting = "x".repeat(LINE_BYTES_MAX);
        let input = format!("{fitting}\n{fitting}y\nz\n");
        let problem = format!("{} bytes, expected at most {LINE_BYTES_MAX}", LINE_BYTES_MAX + 1);
        check(input.as_bytes(), &[(1, Ok(&fitting)), (2, Err(&problem)), (3, Ok("z"))]);
    }
}

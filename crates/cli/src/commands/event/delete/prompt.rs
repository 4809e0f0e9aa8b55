//! The question before all events are deleted (contract 4.6).

use std::io::{self, BufRead, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// The input is not a terminal and ended before a line was read: nobody was asked.
    Nobody,
}

/// Only `y` or `Y` goes on. At a terminal, the end of input is an answer: no.
pub fn ask(input: &mut dyn BufRead, out: &mut dyn Write, is_terminal: bool) -> io::Result<Answer> {
    write!(out, "Really delete (clear) all events? (y/N)")?;
    out.flush()?;
    let mut line = String::new();
    let is_end = input.read_line(&mut line).unwrap_or(0) == 0;
    if is_end {
        // What follows should not stand on the line of the question.
        writeln!(out)?;
        return Ok(if is_terminal { Answer::No } else { Answer::Nobody });
    }
    Ok(if line.trim().eq_ignore_ascii_case("y") { Answer::Yes } else { Answer::No })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, is_terminal: bool, expected: Answer) {
        let mut out = Vec::new();
        assert_eq!(ask(&mut input.as_bytes(), &mut out, is_terminal).unwrap(), expected, "{input:?}");
        assert!(out.starts_with(b"Really delete (clear) all events? (y/N)"));
    }

    #[test]
    fn only_y_is_yes() {
        for input in ["y\n", "Y\n", "y", " y \r\n"] {
            check(input, true, Answer::Yes);
            check(input, false, Answer::Yes);
        }
        for input in ["n\n", "\n", "yes\n", "no\ny\n"] {
            check(input, true, Answer::No);
            check(input, false, Answer::No);
        }
    }

    #[test]
    fn the_end_of_input_is_no_answer_unless_somebody_typed_it() {
        check("", true, Answer::No);
        check("", false, Answer::Nobody);
    }
}

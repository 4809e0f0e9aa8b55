//! The sum of what `cargo test` says program by program.

use std::fmt;

/// Tests of all programs together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Total {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// What could not be run on this machine, and why.
    left_out: Vec<String>,
}

impl Total {
    /// Notes a test that this machine has nothing to run it with: said last, so that nobody takes it for passed.
    pub fn leave_out(&mut self, test: &str, reason: &anyhow::Error) {
        self.left_out.push(format!("{test}: {reason:#}"));
    }

    /// Adds a line such as `test result: ok. 4 passed; 0 failed; 1 ignored; ...`; any other line is nothing.
    pub fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = counts.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed;" => self.passed += count,
                "failed;" => self.failed += count,
                "ignored;" => self.skipped += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tests: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)?;
        self.left_out.iter().try_for_each(|test| write!(f, "\n!!! NOT RUN: {test}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_added_up() {
        let mut total = Total::default();
        total.add("test result: ok. 33 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 15.14s");
        total.add("test file::a_claim ... ok");
        total.add("test result: FAILED. 88 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 9s");
        assert_eq!(total.to_string(), "tests: 121 passed, 2 failed, 1 skipped");
        total.leave_out("the other test", &anyhow::anyhow!("no server").context("nothing to run it with"));
        let last = "!!! NOT RUN: the other test: nothing to run it with: no server";
        assert_eq!(total.to_string(), format!("tests: 121 passed, 2 failed, 1 skipped\n{last}"));
    }
}

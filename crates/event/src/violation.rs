//! Why an input was refused: which field, and what would be right.

use std::fmt;

/// One refused field of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field as the publisher spelt it, such as `resource.id`.
    pub field: String,
    /// What is wrong with it and what would be right, as a fragment: "unknown level `loud`, expected `info` or `error`".
    pub problem: String,
}

impl Violation {
    pub fn new(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self { field: field.into(), problem: problem.to_string() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// Every refused field of one input, in the order of the fields. Never empty when it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// Keeps the value, or notes why there is none.
    pub fn note<T>(&mut self, field: &str, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|problem| self.0.push(Violation::new(field, problem))).ok()
    }

    /// `Ok` when nothing was refused.
    ///
    /// # Errors
    /// Itself, when at least one field was refused.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            write!(f, "{}{violation}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

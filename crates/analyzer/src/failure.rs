//! Why an image was not analysed.

use cause::{Cause, CauseCode};
use event::Timestamp;
use oci_registry::RegistryFailure;

/// What was being done, by the name that existing users know for its failure (contract 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedStep {
    /// Asking the registry.
    Pull,
    /// Reading a manifest of a kind that is not read here.
    ManifestSchema,
    /// Reading a manifest, an index or the configuration of an image.
    Manifest,
    /// Reading a layer.
    Unpack,
    /// Looking into what was read.
    Analyze,
}

/// A failure, and when to try again if the peer has said so.
#[derive(Debug)]
pub struct AnalysisFailure {
    pub step: FailedStep,
    pub cause: Cause,
    pub retry_at: Option<Timestamp>,
    /// The registry was not asked, because it wants to be left alone: nothing is wrong with the image.
    pub is_held_back: bool,
}

impl FailedStep {
    /// The class of the error object in an event.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Pull => "ImagePullError",
            Self::ManifestSchema => "ManifestSchemaVersionError",
            Self::Manifest => "ManifestParseError",
            Self::Unpack => "ImageUnpackError",
            Self::Analyze => "AnalyzerError",
        }
    }

    /// Its `msg`.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Pull => "Failed to pull image",
            Self::ManifestSchema => "Manifest schema version unsupported",
            Self::Manifest => "Failed to parse image manifest",
            Self::Unpack => "Failed to unpack image",
            Self::Analyze => "Failed to analyze image",
        }
    }
}

impl AnalysisFailure {
    pub fn new(step: FailedStep, cause: Cause) -> Self {
        Self { step, cause, retry_at: None, is_held_back: false }
    }

    pub fn pull(failure: RegistryFailure) -> Self {
        Self::of(FailedStep::Pull, failure)
    }

    /// A manifest that was asked for: what arrived may be none.
    pub fn manifest(failure: RegistryFailure) -> Self {
        let step = match (failure.http_status, failure.cause.code()) {
            (Some(200), CauseCode::Unsupported) => FailedStep::ManifestSchema,
            (Some(200), CauseCode::Parse) => FailedStep::Manifest,
            _ => FailedStep::Pull,
        };
        Self::of(step, failure)
    }

    fn of(step: FailedStep, failure: RegistryFailure) -> Self {
        let RegistryFailure { cause, retry_at, is_held_back, .. } = failure;
        Self { step, cause, retry_at, is_held_back }
    }

    /// Adds evidence.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.cause = self.cause.with_evidence(name, value);
        self
    }
}

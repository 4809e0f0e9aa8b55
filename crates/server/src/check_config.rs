//! Showing what the configuration was resolved to.

use std::io::Write;
use std::process::ExitCode;

use service::config::{Origin, Reading};

use crate::config::Config;

/// One line a setting, with where it came from; secrets are masked.
pub fn show(config: &Config, reading: &Reading) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let widest = reading.resolved.iter().map(|setting| setting.path.len() + setting.value.len()).max().unwrap_or(0);
    for setting in &reading.resolved {
        let origin = match &setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::File => "file".to_owned(),
            Origin::Environment(variable) => variable.clone(),
        };
        let padding = " ".repeat(widest.min(70).saturating_sub(setting.path.len() + setting.value.len()));
        writeln!(out, "{}: {}{padding}  # {origin}", setting.path, setting.value)?;
    }
    writeln!(out, "\nresolved: data in {}, database {}", config.data_dir.display(), config.database)?;
    for key in &reading.ignored {
        writeln!(out, "without meaning here: {key}")?;
    }
    for setting in &config.notifier.notices {
        writeln!(out, "without effect: {setting}")?;
    }
    Ok(ExitCode::SUCCESS)
}

//! `completions SHELL`

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Failure;
use crate::flags::Arguments;
use crate::output::Format;

pub fn run(shell: Shell) -> ExitCode {
    // The script is made in memory first, because its generator panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "anchore-cli", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Failure::Output(error).report(Format::Table, true, false),
    }
}

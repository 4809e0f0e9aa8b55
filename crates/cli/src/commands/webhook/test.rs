//! `webhook test ENDPOINT`

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Args;
use proto::notifier::v1;

use super::shown::{attempt_tree, span};
use crate::connection::{Connection, answer};
use crate::failure::Failure;
use crate::output::{Format, write_tree};
use crate::settings::Settings;

#[derive(Debug, Args)]
pub struct TestFlags {
    /// Name of the endpoint
    endpoint: String,
}

/// Exit code 1 where the endpoint does not take it.
pub async fn run(flags: &TestFlags, settings: &Settings) -> Result<ExitCode, Failure> {
    let connection = Connection::open(settings).await?;
    let request = connection.request(v1::TestEndpointRequest { name: flags.endpoint.clone() });
    let tested = answer(connection.notifier().test_endpoint(request)).await;
    let tested = tested.map_err(|status| connection.failure(&status))?;
    let attempt = tested.attempt.unwrap_or_default();
    let mut out = stdout().lock();
    if matches!(settings.format, Format::Table | Format::Wide) {
        write!(out, "{}", words(&flags.endpoint, &attempt, tested.resumed))?;
    } else {
        write_tree(&attempt_tree(&attempt), "", settings.format, &mut out)?;
    }
    let is_taken = attempt.outcome == i32::from(v1::AttemptOutcome::Delivered);
    Ok(if is_taken { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn words(endpoint: &str, attempt: &v1::Attempt, resumed: bool) -> String {
    let said = if attempt.answer.is_empty() { String::new() } else { format!(", and said: {}", attempt.answer) };
    let took = span(attempt.latency.as_ref());
    if attempt.outcome == i32::from(v1::AttemptOutcome::Delivered) {
        let resumed = if resumed { "\nIts pause has ended; what waited is sent now.\n" } else { "\n" };
        return format!("{endpoint} took it: answered {} after {took}{said}{resumed}", attempt.status);
    }
    let answered = match attempt.status {
        0 => format!("no answer after {took}"),
        status => format!("answered {status} after {took}{said}"),
    };
    format!("{endpoint} did not take it: {answered}\n  {}\nWhat to do: {}\n", attempt.reason, attempt.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_says_what_was_answered() {
        let attempt = v1::Attempt {
            outcome: v1::AttemptOutcome::Delivered.into(),
            status: 204,
            latency: Some(prost_types::Duration { seconds: 0, nanos: 12_000_000 }),
            ..v1::Attempt::default()
        };
        assert_eq!(words("ops", &attempt, false), "ops took it: answered 204 after 12ms\n");
        let failed = v1::Attempt {
            outcome: v1::AttemptOutcome::Refused.into(),
            status: 503,
            answer: "down".to_owned(),
            reason: "`h` is in trouble.".to_owned(),
            hint: "Wait.".to_owned(),
            ..attempt
        };
        let expected =
            "ops did not take it: answered 503 after 12ms, and said: down\n  `h` is in trouble.\nWhat to do: Wait.\n";
        assert_eq!(words("ops", &failed, false), expected);
    }
}

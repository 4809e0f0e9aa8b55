//! Why a command did not do what was asked: its text, its error object, and its exit code (contract 3.6, 4.2, 4.5).

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use event::{Json, Violations};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::output::{Format, to_python_json};

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A flag, a setting or an input of the user is wrong; no server was asked.
    #[error("{0}")]
    Usage(String),
    /// No server that takes our credentials answered.
    #[error("could not access anchore service (user={user} url={url})")]
    Inaccessible { user: String, url: String, cause: String, is_credentials: bool },
    /// The server answered that it will not or cannot.
    #[error("{message}")]
    Refused { code: Code, message: String, fields: Vec<(String, String)> },
    /// Standard output cannot be written. A reader that has seen enough (`| head`) is one case of it.
    #[error("the output cannot be written")]
    Output(#[from] std::io::Error),
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub fn not_found(fields: Vec<(String, String)>) -> Self {
        Self::Refused { code: Code::NotFound, message: "Event not found".into(), fields }
    }

    /// A server's refusal, with every field that its `google.rpc.BadRequest` names.
    pub fn refused(status: &Status) -> Self {
        let violations = status.get_details_bad_request().map(|details| details.field_violations);
        let fields = violations.unwrap_or_default().into_iter().map(|field| (field.field, field.description));
        let message = if status.message().is_empty() { status.code().description() } else { status.message() };
        Self::Refused { code: status.code(), message: message.to_owned(), fields: fields.collect() }
    }

    /// A server's answer that breaks the interface.
    pub fn answer(violations: Violations) -> Self {
        let fields = violations.0.into_iter().map(|violation| (violation.field, violation.problem)).collect();
        let message = "the server answered with an event that is not valid; is it of another version?";
        Self::Refused { code: Code::Internal, message: message.into(), fields }
    }

    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Refused { code, .. } => ExitCode::from(meaning(*code).1),
            Self::Usage(_) | Self::Inaccessible { .. } | Self::Output(_) => ExitCode::from(2),
        }
    }

    /// Tells the user, and gives the exit code.
    ///
    /// Where the forms of old clients are printed, errors go to standard output as theirs did (contract 4.1). Our own
    /// forms, and commands whose output is data, keep it clean.
    pub fn report(&self, format: Format, keeps_stdout_for_data: bool, debug: bool) -> ExitCode {
        if debug {
            eprintln!("debug: {self:?}");
        }
        if matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe) {
            return self.exit_code();
        }
        let text = if format == Format::Json { to_python_json(&self.object()) + "\n" } else { self.text() };
        let is_classic = matches!(format, Format::Table | Format::Wide | Format::Json);
        // Nobody is left to be told when this fails too.
        let _ = if is_classic && !keeps_stdout_for_data && !matches!(self, Self::Output(_)) {
            std::io::stdout().write_all(text.as_bytes())
        } else {
            std::io::stderr().write_all(text.as_bytes())
        };
        self.exit_code()
    }

    fn text(&self) -> String {
        match self {
            Self::Usage(message) => format!("Error: {message}\n\n"),
            Self::Inaccessible { cause, .. } => format!("Error: {self}\n{cause}\n\n"),
            Self::Refused { code, message, fields } => {
                let fields: Vec<String> = fields.iter().map(|(field, problem)| format!("{field}: {problem}")).collect();
                // Servers put the fields into their message as well; each is to be read once.
                let (headline, lines) = match fields.as_slice() {
                    fields if fields.join("; ") != *message => (message.clone(), fields),
                    [_] => (message.clone(), &[][..]),
                    fields => (format!("{} fields are wrong", fields.len()), fields),
                };
                let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
                format!("Error: {headline}\nHTTP Code: {}\n{}\n", meaning(*code).0, lines.concat())
            }
            Self::Output(error) => format!("Error: {self}: {error}\n"),
        }
    }

    /// The contract's error object (3.6).
    fn object(&self) -> Json {
        let text = |text: &str| Json::String(text.to_owned());
        let (http_code, detail) = match self {
            Self::Usage(_) | Self::Output(_) => (None, Vec::new()),
            Self::Inaccessible { cause, is_credentials, .. } => {
                (is_credentials.then_some(401), vec![("cause".to_owned(), text(cause))])
            }
            Self::Refused { code, fields, .. } => {
                let fields = fields.iter().map(|(field, problem)| (field.clone(), text(problem))).collect();
                (Some(meaning(*code).0), fields)
            }
        };
        let mut members = vec![("message".to_owned(), text(&self.to_string()))];
        // As old clients print it: without a server's answer there is the message alone.
        if http_code.is_some() || !detail.is_empty() {
            members.push(("detail".to_owned(), Json::Object(detail)));
        }
        members.extend(http_code.map(|code| ("httpcode".to_owned(), Json::Number(code.to_string()))));
        Json::Object(members).sorted()
    }
}

/// The one table from gRPC to the HTTP code that old clients print, and to our exit code: 1 where the request was
/// refused, 2 where the server could not answer it or the credentials were wrong (contract 4.2).
fn meaning(code: Code) -> (u16, u8) {
    match code {
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => (400, 1),
        Code::PermissionDenied => (403, 1),
        Code::NotFound => (404, 1),
        Code::AlreadyExists | Code::Aborted => (409, 1),
        Code::ResourceExhausted => (429, 1),
        Code::Unauthenticated => (401, 2),
        Code::Unimplemented => (501, 2),
        Code::Unavailable => (503, 2),
        Code::DeadlineExceeded | Code::Cancelled => (504, 2),
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => (500, 2),
    }
}

/// The errors from `error` down to its root cause.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    #[test]
    fn an_unknown_id_reads_as_in_the_contract() {
        let failure = Failure::not_found(Vec::new());
        assert_eq!(failure.text(), "Error: Event not found\nHTTP Code: 404\n\n");
        assert_eq!(
            to_python_json(&failure.object()),
            "{\n    \"detail\": {},\n    \"httpcode\": 404,\n    \"message\": \"Event not found\"\n}"
        );
        assert_eq!(failure.exit_code(), ExitCode::from(1));
    }

    #[test]
    fn every_wrong_field_has_its_line() {
        let details = ErrorDetails::with_bad_request(vec![
            FieldViolation::new("filter.since", "too late"),
            FieldViolation::new("filter.type", "empty"),
        ]);
        let status = Status::with_error_details(Code::InvalidArgument, "invalid filter", details);
        let text = "Error: invalid filter\nHTTP Code: 400\nfilter.since: too late\nfilter.type: empty\n\n";
        assert_eq!(Failure::refused(&status).text(), text);
    }

    #[test]
    fn a_field_that_the_message_names_is_not_repeated() {
        let check = |fields: &[(&str, &str)], expected: &str| {
            let violations = fields.iter().map(|(field, problem)| FieldViolation::new(*field, *problem));
            let message = fields.iter().map(|(field, problem)| format!("{field}: {problem}")).collect::<Vec<_>>();
            let details = ErrorDetails::with_bad_request(violations.collect::<Vec<_>>());
            let status = Status::with_error_details(Code::InvalidArgument, message.join("; "), details);
            assert_eq!(Failure::refused(&status).text(), expected);
        };
        check(&[("name", "missing")], "Error: name: missing\nHTTP Code: 400\n\n");
        let both = "Error: 2 fields are wrong\nHTTP Code: 400\nname: missing\nurl: missing\n\n";
        check(&[("name", "missing"), ("url", "missing")], both);
    }

    #[test]
    fn an_unreachable_server_is_named_with_its_user() {
        let failure = Failure::Inaccessible {
            user: "admin".into(),
            url: "http://localhost:8228/v1".into(),
            cause: "connection refused".into(),
            is_credentials: false,
        };
        let expected =
            "Error: could not access anchore service (user=admin url=http://localhost:8228/v1)\nconnection refused\n\n";
        assert_eq!(failure.text(), expected);
        assert_eq!(failure.exit_code(), ExitCode::from(2));
    }

    #[test]
    fn exit_codes_are_the_contracts() {
        let check = |code: Code, expected: u8| {
            let failure = Failure::refused(&Status::new(code, ""));
            assert_eq!(failure.exit_code(), ExitCode::from(expected), "{code:?}");
        };
        for code in [Code::InvalidArgument, Code::PermissionDenied, Code::NotFound] {
            check(code, 1);
        }
        for code in [Code::Unauthenticated, Code::Internal, Code::Unavailable, Code::Unknown] {
            check(code, 2);
        }
        let broken = Failure::Output(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(broken.exit_code(), ExitCode::SUCCESS);
    }
}

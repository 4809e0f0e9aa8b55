//! Why no connection came about, in words that an operator can act on.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::connection::CONNECT_TIMEOUT;
use crate::failure::chain;

/// The likeliest cause of `error`, and what to do, for the server at `authority` (`host:port`).
pub fn cause(error: &(dyn Error + 'static), authority: &str) -> String {
    for error in chain(error) {
        if let Some(cause) = tls_error(error).map(|error| tls_cause(error, authority)) {
            return cause;
        }
        if let Some(cause) = error.downcast_ref::<io::Error>().and_then(|error| io_cause(error, authority)) {
            return cause;
        }
        let text = error.to_string();
        if text.contains("failed to lookup address") || text.contains("dns error") {
            return format!("the host of `{authority}` is not known: is it spelt right, and does DNS work?");
        }
        if text.contains("HTTP/2 was not negotiated") {
            return format!("the server at {authority} speaks TLS but not gRPC (HTTP/2): is a proxy in between?");
        }
    }
    let root = chain(error).last().expect("a chain has its first error");
    format!("the server at {authority} does not answer as a gRPC server: {root}; should the URL begin with https://?")
}

fn io_cause(error: &io::Error, authority: &str) -> Option<String> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(format!(
            "connection refused: nothing listens on {authority}; is the server running, and is the URL right?"
        )),
        io::ErrorKind::TimedOut => Some(format!(
            "no connection to {authority} within {} s: does a firewall drop it?",
            CONNECT_TIMEOUT.as_secs()
        )),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(format!("there is no route to {authority}: {error}"))
        }
        _ => None,
    }
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref().or_else(|| inner?.downcast_ref())
}

fn tls_cause(error: &rustls::Error, authority: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("the certificate of {authority} is for another name ({error}): use that name in the URL"),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
            "the certificate of {authority} is signed by an unknown authority: add that to this machine's trusted \
             certificates, name its file in SSL_CERT_FILE, or use --insecure for a test"
        ),
        rustls::Error::InvalidCertificate(_) => format!("the certificate of {authority} is refused: {error}"),
        rustls::Error::InvalidMessage(_) => {
            format!("the server at {authority} does not speak TLS: should the URL begin with http://?")
        }
        _ => format!("TLS with {authority} failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: impl Error + 'static, expected: &str) {
        let cause = cause(&error, "example.com:8228");
        assert!(cause.starts_with(expected), "{cause}");
    }

    #[test]
    fn each_cause_says_what_to_look_at() {
        check(
            io::Error::from(io::ErrorKind::ConnectionRefused),
            "connection refused: nothing listens on example.com:8228",
        );
        check(io::Error::from(io::ErrorKind::TimedOut), "no connection to example.com:8228 within 10 s");
        check(io::Error::other("failed to lookup address information"), "the host of `example.com:8228` is not known");
        let tls = |error| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
        check(tls(CertificateError::NotValidForName), "the certificate of example.com:8228 is for another name");
        check(tls(CertificateError::UnknownIssuer), "the certificate of example.com:8228 is signed by an unknown");
        check(tls(CertificateError::Expired), "the certificate of example.com:8228 is refused");
        check(io::Error::other("frame with invalid size"), "the server at example.com:8228 does not answer as a gRPC");
    }
}

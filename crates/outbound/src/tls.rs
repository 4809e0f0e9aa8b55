//! What stands in the way of a secure connection.

use cause::{Cause, CauseCode};
use event::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

use crate::transport::Transport;

/// Most names of a certificate in a text: those of a content delivery network have hundreds.
const NAMES_MAX: usize = 8;

/// The peer spoke TLS when it was asked by plain HTTP.
pub(crate) fn at_a_plain_request(transport: &Transport, host: &str) -> Cause {
    let hint = match &transport.config.settings.insecure {
        Some(setting) => format!("Remove {setting}."),
        None => "Use `https://` in the address.".to_owned(),
    };
    Cause::new(CauseCode::Tls, format!("`{host}` speaks TLS at this port, and was spoken to in plain HTTP"), hint)
}

pub(crate) fn cause(error: &Error, transport: &Transport, host: &str) -> Cause {
    let (summary, hint) = match error {
        Error::InvalidCertificate(error) => certificate(error, transport, host),
        Error::InvalidMessage(_) => plain_http(transport, host),
        Error::AlertReceived(alert) => (
            format!("`{host}` ended the TLS handshake with the alert {alert:?}"),
            "Look into the log of the peer: it may want a client certificate, or another host name.".to_owned(),
        ),
        Error::PeerIncompatible(_) => (
            format!("`{host}` and this client have no TLS version or cipher in common: {error}"),
            "Allow TLS 1.2 or 1.3 on the peer.".to_owned(),
        ),
        other => (
            format!("no secure connection with `{host}`: {other}"),
            "Check the certificate and the TLS settings of the peer.".to_owned(),
        ),
    };
    Cause::new(CauseCode::Tls, summary, hint)
}

fn certificate(error: &CertificateError, transport: &Transport, host: &str) -> (String, String) {
    let renew = "Renew the certificate on the peer. If it is still valid, the clock of this machine is wrong.";
    match error {
        CertificateError::Expired => (format!("the certificate of `{host}` has expired"), renew.to_owned()),
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("the certificate of `{host}` expired on {}", date(*not_after)), renew.to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            format!("the certificate of `{host}` is not valid yet"),
            "Set the clock of this machine, or of the machine that issued the certificate.".to_owned(),
        ),
        CertificateError::UnknownIssuer => unknown_issuer(transport, host),
        // An authority of the right name and with another key: the usual result of making a new one.
        CertificateError::BadSignature => (
            format!(
                "the certificate of `{host}` was not signed by the authority of that name that this machine trusts"
            ),
            "The authority has a new key: replace its certificate where it is trusted here.".to_owned(),
        ),
        CertificateError::NotValidForName => {
            (format!("the certificate of `{host}` is for another name"), other_name(""))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().take(NAMES_MAX).map(|name| plain_name(name)).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            (format!("the certificate of `{host}` is for {names}, not for this name"), other_name(&names))
        }
        CertificateError::Revoked => {
            (format!("the certificate of `{host}` was revoked"), "Install a new certificate on the peer.".to_owned())
        }
        // webpki has no variant of its own for this one, the usual result of `openssl req -x509`.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => (
            format!("the certificate of `{host}` is that of a certificate authority, not that of a server"),
            "Issue a server certificate (`basicConstraints=CA:FALSE`), signed by this one, and install it on the peer."
                .to_owned(),
        ),
        other => (
            format!("the certificate of `{host}` cannot be accepted: {other}"),
            "Replace the certificate on the peer.".to_owned(),
        ),
    }
}

fn unknown_issuer(transport: &Transport, host: &str) -> (String, String) {
    let summary = format!("the certificate of `{host}` was issued by nobody this machine trusts");
    let config = &transport.config;
    let mut hint = String::new();
    if !transport.has_system_roots {
        hint.push_str("This machine has no CA certificates at all: install the package `ca-certificates`. ");
    }
    match (&config.settings.ca_file, &config.ca_certificates) {
        (Some(setting), None) => {
            hint.push_str("Name a PEM file with the certificate of its issuer as ");
            hint.push_str(setting);
            hint.push('.');
        }
        (Some(setting), Some(_)) => {
            hint.push_str("Add the certificate of its issuer to the file named as ");
            hint.push_str(setting);
            hint.push_str(": those in it have not issued it.");
        }
        (None, _) => hint.push_str("Add the certificate of its issuer to those of this machine."),
    }
    (summary, hint)
}

/// rustls shows names as `DnsName("example.com")` and `IpAddress(127.0.0.1)`.
fn plain_name(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

fn other_name(names: &str) -> String {
    let names = if names.is_empty() { String::new() } else { format!(" ({names})") };
    format!("Use a name the certificate is for{names}, or install one that also is for the name used.")
}

fn plain_http(transport: &Transport, host: &str) -> (String, String) {
    let summary = format!("`{host}` does not speak TLS at this port");
    let hint = match &transport.config.settings.insecure {
        Some(setting) => format!("If it is meant to speak plain HTTP, set {setting}; else correct the port."),
        None => "Correct the port, or use `http://` if it is meant to speak plain HTTP.".to_owned(),
    };
    (summary, hint)
}

fn date(time: UnixTime) -> String {
    let micros = i64::try_from(time.as_secs()).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
    micros.and_then(Timestamp::from_micros).unwrap_or(Timestamp::MAX).to_string()
}

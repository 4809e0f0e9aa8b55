//! The one place where an error of the transport becomes a cause.
//!
//! reqwest's own questions (`is_connect`, `is_timeout`) are too coarse for an operator, so the chain below its error is
//! walked for what is known best: rustls, then names, then the operating system, then hyper.

use std::error::Error;
use std::io;
use std::time::Duration;

use cause::{Cause, CauseCode};
use reqwest::Url;

use crate::redirect::RedirectRefusal;
use crate::{AddressRefusal, ClientConfig, tls};

/// What causes need to know about the client they come from.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) config: ClientConfig,
    /// Whether this machine has CA certificates at all.
    pub(crate) has_system_roots: bool,
}

/// One failed request: its error, the host it was going to, and the time since it was made.
struct Failure<'a> {
    transport: &'a Transport,
    error: &'a reqwest::Error,
    host: String,
    elapsed: Duration,
}

impl Transport {
    pub(crate) fn new(config: ClientConfig, has_system_roots: bool) -> Self {
        Self { config, has_system_roots }
    }

    /// Whether plain HTTP got an answer that a TLS server might have given: an alert, which hyper takes for a broken
    /// answer and does not show, or nothing.
    pub(crate) fn may_have_met_tls(error: &reqwest::Error, url: &Url) -> bool {
        let error = links(error).find_map(|link| link.downcast_ref::<hyper::Error>());
        url.scheme() == "http" && error.is_some_and(|error| error.is_parse() || error.is_incomplete_message())
    }

    /// Whether a request by TLS came as far as TLS, though perhaps no farther than an unknown certificate.
    pub(crate) fn has_met_tls(result: &Result<reqwest::Response, reqwest::Error>) -> bool {
        let error = match result {
            Ok(_) => return true,
            Err(error) => links(error).find_map(|link| link.downcast_ref::<rustls::Error>()),
        };
        error.is_some_and(|error| !matches!(error, rustls::Error::InvalidMessage(_)))
    }

    pub(crate) fn plain_to_tls(&self, error: reqwest::Error, url: &Url) -> Cause {
        let cause = tls::at_a_plain_request(self, &host_of(url));
        cause.with_evidence("url", url.as_str()).with_evidence("error", chain(&error.without_url()))
    }

    /// The body of an answer came at `rate` bytes per second, which is too slow.
    pub(crate) fn too_slow(&self, rate: u64, url: &Url) -> Cause {
        let least = self.config.rate_min.map_or(0, |least| least.bytes_per_second);
        let summary =
            format!("`{}` sends {rate} bytes per second, and less than {least} are not waited for", host_of(url));
        let mut hint = String::from("Check whether the peer, or the network on the way to it, is overloaded");
        if let Some(setting) = &self.config.settings.rate_min {
            hint.push_str("; if it never is any faster, lower ");
            hint.push_str(setting);
        }
        hint.push('.');
        Cause::new(CauseCode::Timeout, summary, hint).with_evidence("url", url.as_str())
    }

    /// `elapsed` is the time since the request was made.
    pub(crate) fn cause(&self, error: reqwest::Error, asked: &Url, elapsed: Duration) -> Cause {
        let url = error.url().unwrap_or(asked).clone();
        // The chain's text must not repeat the URL, which is evidence of its own.
        let error = error.without_url();
        let failure = Failure { transport: self, error: &error, host: host_of(&url), elapsed };
        failure.cause().with_evidence("url", url.as_str()).with_evidence("error", chain(&error))
    }
}

impl Failure<'_> {
    fn cause(&self) -> Cause {
        self.vetting()
            .or_else(|| self.tls())
            .or_else(|| self.dns())
            .or_else(|| self.redirect())
            .or_else(|| self.timeout())
            .or_else(|| self.http())
            .or_else(|| self.system())
            .unwrap_or_else(|| self.other())
    }

    fn find<T: Error + 'static>(&self) -> Option<&T> {
        links(self.error).find_map(|link| link.downcast_ref())
    }

    /// Stands in the chain as the error of the resolver, so it comes before names.
    fn vetting(&self) -> Option<Cause> {
        self.find::<AddressRefusal>().cloned().map(Cause::from)
    }

    fn tls(&self) -> Option<Cause> {
        Some(tls::cause(self.find::<rustls::Error>()?, self.transport, &self.host))
    }

    fn dns(&self) -> Option<Cause> {
        let summary = format!("the name `{}` cannot be resolved", self.host);
        let hint = "Check the spelling of the host name, and that this machine's name server knows it \
                    (`getent hosts <name>` on the machine, or in the container, that this runs on).";
        self.error.is_dns().then(|| Cause::new(CauseCode::Dns, summary, hint))
    }

    fn redirect(&self) -> Option<Cause> {
        let refusal = self.find::<RedirectRefusal>()?;
        let hint = "Name the address that finally answers in the configuration; if it changes on every request, the \
                    peer or a proxy before it is set up wrongly.";
        let summary = format!("a redirect is not followed, the last one from `{}`: {refusal}", self.host);
        Some(Cause::new(CauseCode::Unsupported, summary, hint))
    }

    fn timeout(&self) -> Option<Cause> {
        if !self.error.is_timeout() {
            return None;
        }
        let config = &self.transport.config;
        if self.error.is_connect() {
            let summary = format!("no connection to `{}` within {:?}", self.host, config.connect_timeout);
            let hint = self.or_the_proxy(
                "Nothing answers at this address: check host and port, and whether a firewall drops packets from here.",
            );
            return Some(Cause::new(CauseCode::Timeout, summary, hint));
        }
        let is_whole = self.elapsed >= config.request_timeout || config.request_timeout <= config.silence_timeout;
        let (summary, setting) = if is_whole {
            let waited = config.request_timeout;
            let summary =
                format!("`{}` took the connection, and did not answer completely within {waited:?}", self.host);
            (summary, &config.settings.request_timeout)
        } else {
            let summary =
                format!("`{}` sent nothing for {:?} before its answer was complete", self.host, config.silence_timeout);
            (summary, &config.settings.silence_timeout)
        };
        let mut hint = String::from("Check whether the peer is overloaded or hangs");
        if let Some(setting) = setting {
            hint.push_str("; if it is only slow, raise ");
            hint.push_str(setting);
        }
        hint.push('.');
        Some(Cause::new(CauseCode::Timeout, summary, hint))
    }

    fn http(&self) -> Option<Cause> {
        let error = self.find::<hyper::Error>()?;
        if error.is_parse_too_large() {
            let summary = format!("the head of the answer of `{}` is too large", self.host);
            let hint = "Check that the address is the right one; no ordinary server sends headers of that size.";
            return Some(Cause::new(CauseCode::TooLarge, summary, hint));
        }
        if error.is_parse() {
            return Some(self.no_http());
        }
        error.is_incomplete_message().then(|| self.closed())
    }

    fn no_http(&self) -> Cause {
        let summary = format!("`{}` answered with something that is not HTTP", self.host);
        let hint = "Check host and port: something other than an HTTP server listens there.";
        Cause::new(CauseCode::Parse, summary, hint)
    }

    fn closed(&self) -> Cause {
        let hint = "Look into the log of the peer, and of any proxy or load balancer before it: it ended the \
                    connection by itself.";
        let summary = if self.error.is_body() || self.error.is_decode() {
            format!("`{}` closed the connection in the middle of the answer", self.host)
        } else if self.error.is_connect() {
            format!("`{}` closed the connection before it was set up", self.host)
        } else {
            format!("`{}` took the connection and closed it without an answer", self.host)
        };
        Cause::new(CauseCode::Connect, summary, hint)
    }

    fn system(&self) -> Option<Cause> {
        use io::ErrorKind::{
            AddrNotAvailable, BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
            NetworkDown, NetworkUnreachable, PermissionDenied, UnexpectedEof,
        };
        let kind = self.find::<io::Error>()?.kind();
        let (summary, hint) = match kind {
            ConnectionRefused => (
                "refused the connection",
                "Nothing listens at this host and port: start the peer, or correct the port.",
            ),
            HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => (
                "cannot be reached from this network",
                "Check the network of this machine, or container, and the route to the peer.",
            ),
            PermissionDenied => (
                "may not be connected to from this machine",
                "A local firewall or sandbox forbids the connection: allow it, or correct the address.",
            ),
            ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => return Some(self.closed()),
            _ => return None,
        };
        Some(Cause::new(CauseCode::Connect, format!("`{}` {summary}", self.host), self.or_the_proxy(hint)))
    }

    /// The error does not say whether the connection was one to a proxy.
    fn or_the_proxy(&self, hint: &str) -> String {
        let proxy = " If a proxy is set in the environment (`HTTPS_PROXY`), it is the proxy that is meant.";
        let proxy = if self.transport.config.environment_proxy { proxy } else { "" };
        format!("{hint}{proxy}")
    }

    fn other(&self) -> Cause {
        let (summary, hint) = if self.error.is_connect() {
            ("no connection to", self.or_the_proxy("Check host and port."))
        } else {
            ("the exchange broke off with", "See `error`; look into the log of the peer at this time.".to_owned())
        };
        Cause::new(CauseCode::Connect, format!("{summary} `{}`: {}", self.host, chain(self.error)), hint)
    }
}

/// Host and port, without whatever credentials a URL may hold.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Every error of the chain. An `io::Error` that wraps another names the source of the wrapped one as its own, so the
/// wrapped one would be missed.
fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |link: &&'a (dyn Error + 'static)| {
        let link = *link;
        let wrapped = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| link.source())
    })
}

/// The texts of the chain in one line, each said once.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in links(error).map(ToString::to_string) {
        if texts.iter().all(|known| !known.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

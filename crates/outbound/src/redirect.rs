//! Which redirects are followed.

use reqwest::Url;
use reqwest::redirect::{Attempt, Policy};

use crate::Vetting;

/// Most redirects of one request.
pub const REDIRECTS_MAX: usize = 5;

/// What a client does with a redirect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redirects {
    /// At most [`REDIRECTS_MAX`], and none that leaves TLS.
    #[default]
    Follow,
    /// It is the answer.
    Keep,
}

/// Why a redirect was not followed; stands in the chain of the request's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedirectRefusal {
    #[error("more than {REDIRECTS_MAX} redirects")]
    TooMany,
    #[error("redirected from HTTPS to `{0}`, which is not")]
    ToPlainHttp(String),
    #[error("redirected to `{0}`, which is no HTTP address")]
    OtherScheme(String),
}

/// To another host, port or scheme the client takes no `Authorization` and no cookie along; that part is reqwest's own
/// (`remove_sensitive_headers`), and held by a test.
pub(crate) fn policy(redirects: Redirects, vetting: Option<Vetting>) -> Policy {
    if redirects == Redirects::Keep {
        return Policy::none();
    }
    Policy::custom(move |attempt: Attempt<'_>| {
        if let Some(refusal) = refusal(attempt.previous(), attempt.url()) {
            return attempt.error(refusal);
        }
        // No resolver is asked about an address.
        match vetting.as_ref().map_or(Ok(()), |vetting| vetting.check_url(attempt.url())) {
            Ok(()) => attempt.follow(),
            Err(refusal) => attempt.error(refusal),
        }
    })
}

/// `previous` begins with the URL that was asked for.
fn refusal(previous: &[Url], next: &Url) -> Option<RedirectRefusal> {
    let was_secure = previous.last().is_some_and(|url| url.scheme() == "https");
    let origin = || next.origin().ascii_serialization();
    match next.scheme() {
        "http" if was_secure => Some(RedirectRefusal::ToPlainHttp(origin())),
        "http" | "https" if previous.len() > REDIRECTS_MAX => Some(RedirectRefusal::TooMany),
        "http" | "https" => None,
        other => Some(RedirectRefusal::OtherScheme(format!("{other}:"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(previous: &[&str], next: &str, expected: Option<&str>) {
        let previous: Vec<Url> = previous.iter().map(|url| url.parse().unwrap()).collect();
        let refusal = refusal(&previous, &next.parse().unwrap()).map(|refusal| refusal.to_string());
        assert_eq!(refusal.as_deref(), expected, "{next}");
    }

    #[test]
    fn redirects_are_few_and_stay_secure() {
        check(&["http://a/"], "https://b/", None);
        check(&["http://a/"; 5], "http://b/", None);
        check(&["http://a/"; 6], "http://b/", Some("more than 5 redirects"));
        check(&["http://a/", "https://a/"], "http://a/x", Some("redirected from HTTPS to `http://a`, which is not"));
        check(&["http://a/"], "file:///etc/passwd", Some("redirected to `file:`, which is no HTTP address"));
    }
}

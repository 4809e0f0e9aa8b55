//! The tags of one repository, page by page.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use cause::{Cause, CauseCode};
use http::Method;
use http::header::CONTENT_TYPE;
use outbound::Url;

use crate::link::next_page;
use crate::media_type::JSON;
use crate::refusal::{REFUSAL_BYTES_MAX, RegistryFailure};
use crate::session::Session;
use crate::tag_page;
use crate::{Subject, TagName, TagNameError};

/// Tags asked for at a time: the most that distribution gives.
const TAGS_PER_PAGE: usize = 1000;
/// Most pages of one listing.
pub const PAGES_MAX: usize = 500;
/// Most tags of one repository.
pub const TAGS_MAX: usize = 200_000;
/// Most bytes of one listing, all pages together. Registries that know no paging send everything at once.
pub const LISTING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest time one listing may take, all pages together, besides its waiting for the registry's budget. The page that
/// is under way by then is still read.
pub const LISTING_TIMEOUT: Duration = Duration::from_mins(5);

/// What a repository holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub tags: BTreeSet<TagName>,
    pub pages: usize,
}

/// Lists the tags of `session`'s repository. A failure is free of secrets.
pub async fn list(session: &mut Session) -> Result<Listing, RegistryFailure> {
    pages(session).await.map_err(|failure| session.without_secrets(failure))
}

async fn pages(session: &mut Session) -> Result<Listing, RegistryFailure> {
    let mut url = session.url(&format!("tags/list?n={TAGS_PER_PAGE}"))?;
    let mut asked = HashSet::new();
    let mut tags = BTreeSet::new();
    let mut bytes_left = LISTING_BYTES_MAX;
    let begun = Instant::now();
    session.waited = Duration::ZERO;
    for page in 1..=PAGES_MAX {
        asked.insert(url.clone());
        if begun.elapsed().saturating_sub(session.waited) > LISTING_TIMEOUT {
            return Err(too_slow(session, &url).into());
        }
        let answer = session.ask(Method::GET, &url, JSON, &Subject::Tags).await?;
        let next = next_page(answer.headers());
        let content_type = answer.header(CONTENT_TYPE.as_str()).map(str::to_owned);
        let from = answer.url().clone();
        let body = answer.body(bytes_left).await.map_err(RegistryFailure::behind_answer)?;
        bytes_left -= body.len();

        let known = tags.len();
        let listed = tag_page::tags(&body)
            .map_err(|what| RegistryFailure::behind_answer(no_page(session, &from, what, content_type, &body)))?;
        for tag in listed {
            tags.insert(
                tag.parse()
                    .map_err(|error: TagNameError| RegistryFailure::behind_answer(no_tag(session, &from, &error)))?,
            );
        }
        if tags.len() > TAGS_MAX {
            return Err(RegistryFailure::behind_answer(too_many(session, &url, &format!("more than {TAGS_MAX} tags"))));
        }
        let Some(next) = next else { return Ok(Listing { tags, pages: page }) };
        let next_url = resolve(&url, &next)
            .ok_or_else(|| RegistryFailure::behind_answer(astray(session, &url, &next, "at another host")))?;
        if asked.contains(&next_url) {
            return Err(RegistryFailure::behind_answer(astray(session, &url, &next, "which is one that came before")));
        }
        if tags.len() == known {
            return Err(RegistryFailure::behind_answer(astray(
                session,
                &url,
                &next,
                "after one that brought no new tag",
            )));
        }
        url = next_url;
    }
    Err(RegistryFailure::behind_answer(too_many(session, &url, &format!("more than {PAGES_MAX} pages"))))
}

/// The address of the next page, at the same origin: credentials go there. A registry behind a proxy may name itself by
/// another scheme or port, so of the host's own links only path and query are taken.
fn resolve(url: &Url, next: &str) -> Option<Url> {
    let target = url.join(next).ok()?;
    let mut resolved = url.clone();
    resolved.set_path(target.path());
    resolved.set_query(target.query());
    (target.host_str() == url.host_str()).then_some(resolved)
}

fn no_page(session: &Session, from: &Url, what: &str, content_type: Option<String>, body: &[u8]) -> Cause {
    let registry = &session.registry.name;
    let summary = format!("`{registry}` answered with {what} in place of a list of tags");
    let hint = format!(
        "Check that `{registry}` is a registry (host and port): a login page or a proxy may answer in its place. \
         `body` has the beginning of the answer."
    );
    let beginning = &body[..body.len().min(REFUSAL_BYTES_MAX)];
    Cause::new(CauseCode::Parse, summary, hint)
        .with_evidence("url", from.as_str())
        .with_evidence("content_type", content_type)
        .with_evidence("body", String::from_utf8_lossy(beginning))
}

fn no_tag(session: &Session, from: &Url, error: &TagNameError) -> Cause {
    let summary = format!("`{}` lists something that is no tag: {error}", session.registry.name);
    let hint = "Something other than a registry may answer in its place; else update the registry.";
    Cause::new(CauseCode::Parse, summary, hint).with_evidence("url", from.as_str())
}

fn astray(session: &Session, url: &Url, next: &str, how: &str) -> Cause {
    let summary = format!("`{}` names a next page {how}", session.registry.name);
    let hint = "The registry, or a proxy before it, makes wrong `Link` headers: correct its external address, or \
                update it.";
    Cause::new(CauseCode::Parse, summary, hint).with_evidence("url", url.as_str()).with_evidence("link", next)
}

fn too_slow(session: &Session, url: &Url) -> Cause {
    let name = &session.repository.name;
    let summary = format!("the tags of `{name}` were not listed completely within {LISTING_TIMEOUT:?}");
    let hint = "Check whether the registry is overloaded, and remove tags that nobody needs.";
    Cause::new(CauseCode::Timeout, summary, hint).with_evidence("url", url.as_str())
}

fn too_many(session: &Session, url: &Url, what: &str) -> Cause {
    let summary = format!("`{}` has {what}", session.repository.name);
    let hint = "Remove tags that nobody needs, or watch single tags of it in place of the repository.";
    Cause::new(CauseCode::TooLarge, summary, hint).with_evidence("url", url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_at_the_same_origin() {
        let check = |next: &str, expected: Option<&str>| {
            let url = "https://r.example:5000/v2/a/tags/list?n=2".parse().unwrap();
            assert_eq!(resolve(&url, next).as_ref().map(Url::as_str), expected, "{next}");
        };
        check("/v2/a/tags/list?last=x&n=2", Some("https://r.example:5000/v2/a/tags/list?last=x&n=2"));
        check("?last=x", Some("https://r.example:5000/v2/a/tags/list?last=x"));
        check("http://r.example/v2/a/tags/list?last=x", Some("https://r.example:5000/v2/a/tags/list?last=x"));
        check("https://user:pass@r.example/x", Some("https://r.example:5000/x"));
        check("https://evil.example/v2/a/tags/list?last=x", None);
        check("file:///etc/passwd", None);
        check("http://[", None);
    }
}

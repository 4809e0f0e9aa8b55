//! Where the next page is: the `Link` header (RFC 8288, and the distribution specification on paging).

use http::HeaderMap;
use http::header::LINK;

/// The target of the first link with the relation `next`, as it was written.
pub(crate) fn next_page(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.find_map(next_target).map(str::to_owned)
}

fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters_end = after.find('<').unwrap_or(after.len());
        if is_next(&after[..parameters_end]) {
            return Some(target.trim());
        }
        rest = &after[parameters_end..];
    }
    None
}

/// `; rel="prev next"`: a relation may have several names.
fn is_next(parameters: &str) -> bool {
    let mut parameters = parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('='));
    parameters.any(|(name, value)| {
        let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
        name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(next_target(header), expected, "{header}");
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        check(r#"</v2/a/tags/list?last=x&n=2>; rel="next""#, Some("/v2/a/tags/list?last=x&n=2"));
        check("<https://h/x>;REL=Next", Some("https://h/x"));
        check(r#"</a,b;c>; title="x"; rel="prev", </d>; rel="prev next""#, Some("/d"));
        check(r#"</a>; rel="prev""#, None);
        check("</a>", None);
        check("</a; rel=next", None);
        check("", None);
    }
}

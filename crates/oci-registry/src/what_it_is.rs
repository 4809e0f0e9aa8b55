//! The name of a body that is not what was asked for.

/// What `body` is, as a fragment: "an HTML page".
pub(crate) fn what_it_is(body: &[u8]) -> &'static str {
    let start = body.trim_ascii_start();
    if start.is_empty() {
        "nothing at all"
    } else if start.starts_with(b"<") {
        "an HTML page"
    } else if start.starts_with(b"{") || start.starts_with(b"[") {
        "broken JSON"
    } else {
        "no JSON"
    }
}

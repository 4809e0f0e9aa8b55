//! Which build this is.

use std::sync::LazyLock;

/// The release, and the commit where whoever built it said so: `0.1.0 (abc1234)`.
///
/// A variable and not a build script: asking git at each build would make every one of them wait.
pub static VERSION: LazyLock<String> =
    LazyLock::new(|| describe(env!("CARGO_PKG_VERSION"), option_env!("ANCHORE_EVENTS_COMMIT")));

fn describe(release: &str, commit: Option<&str>) -> String {
    match commit {
        Some(commit) if !commit.is_empty() => format!("{release} ({commit})"),
        _ => release.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_shown_where_it_is_known() {
        assert_eq!(describe("0.1.0", Some("abc1234")), "0.1.0 (abc1234)");
        assert_eq!(describe("0.1.0", Some("")), "0.1.0");
        assert_eq!(describe("0.1.0", None), "0.1.0");
    }
}

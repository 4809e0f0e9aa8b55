//! Paths as they stand in archives and links.

/// A path that leads out of the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path `{0}` leads out of the image")]
pub struct OutsideRoot(pub String);

/// `path` below the root, without `.`, `..` and needless slashes; an absolute path counts from the same root. Bytes that
/// are no UTF-8 are replaced: no path that is looked at has any.
///
/// # Errors
/// A `..` above the root: no tool that makes images writes one.
pub fn normalized(path: &[u8]) -> Result<String, OutsideRoot> {
    let text = String::from_utf8_lossy(path);
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| OutsideRoot(cause::truncated(&text, 256)))?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// The folder and the name in it; the folder of what lies in the root is empty.
pub fn parent_and_name(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_root() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(normalized(path.as_bytes()).ok().as_deref(), expected, "{path}");
        };
        check("./etc/os-release", Some("etc/os-release"));
        check("/etc//os-release/", Some("etc/os-release"));
        check("usr/../etc/./x", Some("etc/x"));
        check("./", Some(""));
        check("..", None);
        check("a/../../etc/shadow", None);
        check("/../etc", None);
    }
}

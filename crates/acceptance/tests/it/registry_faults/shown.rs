//! What an operator sees, without what differs from one run to the next.

use super::faults::Faults;

/// Members that are left out: one whose words are the operating system's, and those that are alike in every event.
const LEFT_OUT: [&str; 6] = ["  error:", "  failing_since:", "level:", "resource:", "source:", "timestamp:"];

/// The text of `event get` with ports and times made alike, as far as it tells one fault from another.
pub fn plain(text: &str, faults: &Faults) -> String {
    let text = faults.ports().fold(text.to_owned(), |text, port| text.replace(&format!(":{port}"), ":<port>"));
    let lines = without_members(&text);
    lines.iter().map(|line| without_times(line)).collect::<Vec<_>>().join("\n") + "\n"
}

/// Leaves out members, with the lines that belong to them: those that are further in.
fn without_members(text: &str) -> Vec<&str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut left_out: Option<usize> = None;
    let is_kept = |line: &&str| -> bool {
        if left_out.is_some_and(|left_out| depth(line) > left_out) {
            return false;
        }
        left_out = LEFT_OUT.iter().any(|member| line.starts_with(member)).then(|| depth(line));
        left_out.is_none()
    };
    text.trim_end().lines().filter(is_kept).collect()
}

/// `2026-11-22T21:07:01.824142Z` becomes `<time>`, and so does one of whole seconds.
fn without_times(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(length) = rest.char_indices().find_map(|(at, _)| time_at(&rest[at..]).map(|length| (at, length))) {
        let (at, length) = length;
        plain.push_str(&rest[..at]);
        plain.push_str("<time>");
        rest = &rest[at + length..];
    }
    plain + rest
}

/// How long the time is that `text` begins with.
fn time_at(text: &str) -> Option<usize> {
    const SHAPE: &str = "0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let fits = bytes.len() > SHAPE.len()
        && SHAPE
            .bytes()
            .zip(bytes)
            .all(|(shape, byte)| if shape == b'0' { byte.is_ascii_digit() } else { shape == *byte });
    if !fits {
        return None;
    }
    let fraction = bytes[SHAPE.len()..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let end = SHAPE.len() + fraction;
    (bytes.get(end) == Some(&b'Z')).then_some(end + 1)
}

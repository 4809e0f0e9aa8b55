//! How one text is to be written: plain, or in which quotes.

use super::implicit::reads_as_other;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Single,
    Double,
}

/// What `PyYAML`'s `analyze_scalar` finds out about a text, as far as block style needs it.
#[derive(Debug)]
pub struct Analysis {
    allows_plain: bool,
    allows_single: bool,
    is_multiline: bool,
}

impl Analysis {
    pub fn of(text: &str) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let (Some(&first), Some(&last)) = (chars.first(), chars.last()) else {
            return Self { allows_plain: true, allows_single: true, is_multiline: false };
        };
        let is_multiline = text.contains(['\n', '\u{85}', '\u{2028}', '\u{2029}']);
        let is_special = chars.iter().any(|&c| c != '\n' && !(' '..='~').contains(&c));
        let break_space = chars.windows(2).any(|pair| pair == ['\n', ' ']);
        let space_break = chars.windows(2).any(|pair| pair == [' ', '\n']);
        let is_blank = |c: char| c == ' ' || c == '\n';
        let must_quote =
            is_special || is_multiline || break_space || is_blank(first) || is_blank(last) || has_indicators(&chars);
        Self { allows_plain: !must_quote, allows_single: !(is_special || break_space || space_break), is_multiline }
    }

    /// The style of this text; a simple key stands on one line with its value.
    pub fn style(&self, text: &str, is_simple_key: bool) -> Style {
        let is_split = is_simple_key && (text.is_empty() || self.is_multiline);
        if self.allows_plain && !is_split && !reads_as_other(text) {
            Style::Plain
        } else if self.allows_single && !(is_simple_key && self.is_multiline) {
            Style::Single
        } else {
            Style::Double
        }
    }

    /// Whether the text can be a key that stands on one line with its value. `PyYAML` counts the key's unwritten tag
    /// (`!!str`) as a part of its length.
    pub fn is_simple_key(&self, text: &str) -> bool {
        const KEY_CHARS_MAX: usize = 127 - "!!str".len();
        !text.is_empty() && !self.is_multiline && text.chars().count() <= KEY_CHARS_MAX
    }
}

/// Whether some character, where it stands, would mean something to a YAML reader. Only blanks and breaks count as
/// white space here: a text with another one is quoted for that reason alone.
fn has_indicators(chars: &[char]) -> bool {
    let is_blank_at = |index: usize| chars.get(index).is_none_or(|&c| c == ' ' || c == '\n');
    let starts_document = chars.starts_with(&['-', '-', '-']) || chars.starts_with(&['.', '.', '.']);
    starts_document
        || chars.iter().enumerate().any(|(index, &c)| match c {
            '#' if index > 0 => is_blank_at(index - 1),
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                index == 0
            }
            '?' | '-' => index == 0 && is_blank_at(1),
            ':' => is_blank_at(index + 1),
            _ => false,
        })
}

//! Writes a tree, keeping the same few facts about the last character that `PyYAML`'s `emitter.py` keeps: they decide
//! where it breaks lines and how far it indents.

use event::Json;

use super::scalar::{Analysis, Style};

/// Columns after which a text is folded.
const WIDTH: usize = 80;
const INDENT: usize = 2;

/// Where a node stands in its parent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    /// A value, or a key that does not fit on one line with its value.
    Member,
    SimpleKey,
}

pub struct Emitter {
    out: String,
    column: usize,
    /// `None` before the root.
    indent: Option<usize>,
    /// The last character written was a blank or a line break.
    whitespace: bool,
    /// Only indentation and the indicators `- ? :` stand on this line so far.
    indention: bool,
}

impl Default for Emitter {
    fn default() -> Self {
        Self { out: String::new(), column: 0, indent: None, whitespace: true, indention: true }
    }
}

impl Emitter {
    pub fn document(mut self, root: &Json) -> String {
        self.node(root, Place::Root);
        self.write_indent();
        self.out
    }

    fn node(&mut self, node: &Json, place: Place) {
        let indent = self.indent;
        match node {
            Json::Array(items) if !items.is_empty() => self.block_sequence(items, place),
            Json::Object(members) if !members.is_empty() => self.block_mapping(members),
            empty_or_scalar => {
                self.indent = Some(indent.map_or(INDENT, |indent| indent + INDENT));
                self.leaf(empty_or_scalar, place);
            }
        }
        self.indent = indent;
    }

    fn block_sequence(&mut self, items: &[Json], place: Place) {
        // A list under its key on the line above is not indented.
        let is_indentless = place == Place::Member && !self.indention;
        if !is_indentless {
            self.increase_indent();
        }
        for item in items {
            self.write_indent();
            self.write_indicator("-", true, true);
            self.node(item, Place::Item);
        }
    }

    fn block_mapping(&mut self, members: &[(String, Json)]) {
        self.increase_indent();
        for (key, value) in members {
            self.write_indent();
            let analysis = Analysis::of(key);
            let is_simple = analysis.is_simple_key(key);
            if !is_simple {
                self.write_indicator("?", true, true);
            }
            let indent = self.indent;
            self.indent = indent.map(|indent| indent + INDENT);
            self.text(key, &analysis, if is_simple { Place::SimpleKey } else { Place::Member });
            self.indent = indent;
            if is_simple {
                self.write_indicator(":", false, false);
            } else {
                self.write_indent();
                self.write_indicator(":", true, true);
            }
            self.node(value, Place::Member);
        }
    }

    fn leaf(&mut self, leaf: &Json, place: Place) {
        match leaf {
            Json::Null => self.write_plain("null"),
            Json::Bool(true) => self.write_plain("true"),
            Json::Bool(false) => self.write_plain("false"),
            Json::Number(text) => self.write_plain(text),
            Json::String(text) => self.text(text, &Analysis::of(text), place),
            Json::Array(_) => self.write_indicator("[]", true, false),
            Json::Object(_) => self.write_indicator("{}", true, false),
        }
    }

    fn text(&mut self, text: &str, analysis: &Analysis, place: Place) {
        let is_simple_key = place == Place::SimpleKey;
        match analysis.style(text, is_simple_key) {
            Style::Plain if is_simple_key => self.write_unfolded(text),
            Style::Plain => self.write_plain(text),
            Style::Single => self.write_single_quoted(text, !is_simple_key),
            Style::Double => self.write_double_quoted(text, !is_simple_key),
        }
    }

    fn increase_indent(&mut self) {
        self.indent = Some(self.indent.map_or(0, |indent| indent + INDENT));
    }

    fn write(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn write_chars(&mut self, chars: &[char]) {
        self.out.extend(chars);
        self.column += chars.len();
    }

    fn write_indicator(&mut self, indicator: &str, needs_whitespace: bool, keeps_indention: bool) {
        if needs_whitespace && !self.whitespace {
            self.write(" ");
        }
        self.whitespace = false;
        self.indention = self.indention && keeps_indention;
        self.write(indicator);
    }

    fn write_line_break(&mut self) {
        self.out.push('\n');
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
    }

    /// Goes to the indentation, on a new line unless this one has nothing but indentation yet.
    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.write_line_break();
        }
        if self.column < indent {
            self.whitespace = true;
            self.write(&" ".repeat(indent - self.column));
        }
    }

    fn begin_plain(&mut self) {
        if !self.whitespace {
            self.write(" ");
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn write_unfolded(&mut self, text: &str) {
        self.begin_plain();
        self.write(text);
    }

    /// A line is folded at the first single blank behind column 80; runs of blanks are never broken.
    fn write_plain(&mut self, text: &str) {
        self.begin_plain();
        for run in runs(text) {
            if run == " " && self.column > WIDTH {
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
            } else {
                self.write(run);
            }
        }
    }

    fn write_single_quoted(&mut self, text: &str, may_fold: bool) {
        self.write_indicator("'", true, false);
        let mut written = 0;
        for run in runs(text) {
            let is_inside = written > 0 && written + run.len() < text.len();
            if run == " " && self.column > WIDTH && may_fold && is_inside {
                self.write_indent();
            } else if run.starts_with('\n') {
                // One line break of the text is two in the output: a single one would be read as a blank.
                self.write_line_break();
                run.bytes().for_each(|_| self.write_line_break());
                self.write_indent();
            } else {
                self.write(&run.replace('\'', "''"));
            }
            written += run.len();
        }
        self.write_indicator("'", false, false);
    }

    /// Follows `PyYAML` step by step: `start..end` are the characters that are read and not yet written.
    fn write_double_quoted(&mut self, text: &str, may_fold: bool) {
        self.write_indicator("\"", true, false);
        let chars: Vec<char> = text.chars().collect();
        let mut start = 0;
        for end in 0..=chars.len() {
            let next = chars.get(end).copied();
            if next.is_none_or(must_escape) {
                if start < end {
                    self.write_chars(&chars[start..end]);
                    start = end;
                }
                if let Some(next) = next {
                    self.write(&escape(next));
                    start = end + 1;
                }
            }
            let is_inside = 0 < end && end + 1 < chars.len();
            let is_foldable = is_inside && (next == Some(' ') || start >= end);
            if is_foldable && may_fold && self.column + end > WIDTH + start {
                if start < end {
                    self.write_chars(&chars[start..end]);
                    start = end;
                }
                self.write("\\");
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
                if chars[start] == ' ' {
                    self.write("\\");
                }
            }
        }
        self.write_indicator("\"", false, false);
    }
}

/// Splits a text into runs of blanks, runs of line breaks, and runs of anything else.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let kind = |c: char| if matches!(c, ' ' | '\n') { c } else { 'x' };
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = kind(rest.chars().next()?);
        let end = rest.find(|c| kind(c) != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

fn must_escape(c: char) -> bool {
    matches!(c, '"' | '\\') || !(' '..='~').contains(&c)
}

fn escape(c: char) -> String {
    match c {
        '\0' => "\\0".into(),
        '\x07' => "\\a".into(),
        '\x08' => "\\b".into(),
        '\t' => "\\t".into(),
        '\n' => "\\n".into(),
        '\x0B' => "\\v".into(),
        '\x0C' => "\\f".into(),
        '\r' => "\\r".into(),
        '\x1B' => "\\e".into(),
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\u{85}' => "\\N".into(),
        '\u{A0}' => "\\_".into(),
        '\u{2028}' => "\\L".into(),
        '\u{2029}' => "\\P".into(),
        '\u{0}'..='\u{FF}' => format!("\\x{:02X}", u32::from(c)),
        '\u{100}'..='\u{FFFF}' => format!("\\u{:04X}", u32::from(c)),
        _ => format!("\\U{:08X}", u32::from(c)),
    }
}

//! Block YAML exactly as `PyYAML`'s `safe_dump(value, default_flow_style=False)` writes it, which is what old clients
//! print for `event get` (contract 4.5): quoting, folding at 80 columns, and lists that are not indented under their key.
//!
//! It follows the steps of `PyYAML`'s emitter rather than the YAML specification, because scripts compare the text. The
//! order of keys is the caller's, and numbers are written as they were given.

mod emitter;
mod implicit;
mod scalar;

use event::Json;

/// The document, ending in a line break.
pub fn to_yaml(value: &Json) -> String {
    emitter::Emitter::default().document(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of a JSON value and what `PyYAML` 6.0.3 wrote for it; each value stands on a line that begins with `### `.
    const CORPUS: &str = include_str!("yaml/corpus.txt");

    #[test]
    fn the_corpus_is_written_as_pyyaml_writes_it() {
        let mut cases = 0;
        for case in CORPUS.split("### ").skip(1) {
            let (json, expected) = case.split_once('\n').unwrap();
            let value = Json::parse(json).unwrap().sorted();
            assert_eq!(to_yaml(&value), expected, "{json}");
            cases += 1;
        }
        assert!(cases > 200, "the corpus has {cases} cases only");
    }

    #[test]
    fn numbers_are_written_as_they_were_given() {
        let value = Json::parse(r#"{"a":1.50,"b":[12345678901234567890123,1e400,-0]}"#).unwrap();
        assert_eq!(to_yaml(&value), "a: 1.50\nb:\n- 12345678901234567890123\n- 1e400\n- -0\n");
    }
}

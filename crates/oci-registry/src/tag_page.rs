//! One page of a listing, as the distribution specification has it: `{"name": "team/app", "tags": ["1", "2"]}`.

use serde_json::Value;

use crate::what_it_is::what_it_is;

/// The tags of a page. `null` in place of the list is a repository whose tags are all gone (distribution 2.x).
///
/// # Errors
/// What the body is instead, as a fragment: "JSON without `tags`".
pub(crate) fn tags(body: &[u8]) -> Result<Vec<String>, &'static str> {
    let Ok(page) = serde_json::from_slice::<Value>(body) else {
        return Err(what_it_is(body));
    };
    let Value::Object(mut page) = page else { return Err("JSON that is no object") };
    match page.remove("tags") {
        None => Err("JSON without `tags`"),
        Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(tags)) => {
            let text =
                |tag| if let Value::String(tag) = tag { Ok(tag) } else { Err("JSON with a tag that is no text") };
            tags.into_iter().map(text).collect()
        }
        Some(_) => Err("JSON whose `tags` is no list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Result<&[&str], &str>) {
        let expected = expected.map(|tags| tags.iter().map(ToString::to_string).collect());
        assert_eq!(tags(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn a_page_has_a_list_of_texts() {
        check(r#"{"name":"a","tags":["1","2"],"more":1}"#, Ok(&["1", "2"]));
        check(r#"{"name":"a","tags":null}"#, Ok(&[]));
        check(r#"{"tags":[]}"#, Ok(&[]));
    }

    #[test]
    fn what_is_no_page_is_called_what_it_is() {
        check("", Err("nothing at all"));
        check(" <!DOCTYPE html>", Err("an HTML page"));
        check(r#"{"tags":["#, Err("broken JSON"));
        check("garbage", Err("no JSON"));
        check("[]", Err("JSON that is no object"));
        check(r#"{"name":"a"}"#, Err("JSON without `tags`"));
        check(r#"{"tags":{}}"#, Err("JSON whose `tags` is no list"));
        check(r#"{"tags":[1]}"#, Err("JSON with a tag that is no text"));
    }
}

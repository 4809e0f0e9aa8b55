use super::*;

#[test]
fn a_record_is_read_or_its_problem_is_told() {
    let check = |text: &str, expected: Result<&str, &str>| match (parse(text.as_bytes()), expected) {
        (Ok(Said::Is(record)), Ok(id)) => assert_eq!(record.id, id),
        (Ok(Said::Withdrawn { id, .. }), Ok(expected)) => assert_eq!(format!("withdrawn {id}"), expected),
        (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem}"),
        (parsed, _) => panic!("{text}: {parsed:?}"),
    };
    check(r#"{"id": "GHSA-1", "modified": "2026-11-22T10:00:00.123456789Z", "affected": []}"#, Ok("GHSA-1"));
    check(r#"{"id": "A", "modified": "2026-11-22T10:00:00Z", "withdrawn": "2026-11-22T10:00:00Z"}"#, Ok("withdrawn A"));
    check(r#"{"modified": "2026-11-22T10:00:00Z"}"#, Err("missing field `id`"));
    check(r#"{"id": "A"}"#, Err("missing field `modified`"));
    check(r#"{"id": 7, "modified": "2026-11-22T10:00:00Z"}"#, Err("invalid type"));
    check(r#"{"id": "A", "modified": "soon"}"#, Err("its `modified` is no time"));
    check("[", Err("EOF"));
}

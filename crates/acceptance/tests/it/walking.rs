//! Numbered pages hold still for whoever walks over them, and any page can be asked for.

use serde_json::{Value, json};

use crate::harness::{ADMIN, Rest, Shape, Stack, event, id_of};

on_every_stack!(
    a_walk_sees_every_event_once_while_others_come_and_go,
    walks_beside_each_other_miss_nothing,
    any_page_is_as_the_list_is_now,
);

/// What is on a page, and whether there is one after it.
#[track_caller]
fn page(rest: &Rest, number: usize, limit: usize) -> (Vec<String>, bool) {
    // Old clients ask for the first page without its number.
    let query = if number == 1 { format!("limit={limit}") } else { format!("limit={limit}&page={number}") };
    let page = rest.get(&format!("/v1/events?{query}")).expect(200);
    assert_eq!(page["page"], number);
    let results = page["results"].as_array().expect("a list");
    assert_eq!(page["item_count"], results.len());
    let ids = results.iter().filter_map(|record| record["generated_uuid"].as_str().map(str::to_owned));
    (ids.collect(), page["next_page"] == true)
}

fn store(rest: &Rest, numbers: impl Iterator<Item = u64>) {
    rest.store(&numbers.map(at_second).collect::<Vec<_>>());
}

/// Two of them at each second.
fn at_second(number: u64) -> Value {
    let mut event = event(number);
    let second = number / 2;
    event["event"]["timestamp"] =
        json!(format!("2018-06-30T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60));
    event
}

fn newest_first(numbers: impl DoubleEndedIterator<Item = u64>) -> Vec<String> {
    numbers.rev().map(id_of).collect()
}

fn a_walk_sees_every_event_once_while_others_come_and_go(shape: Shape) {
    let mut stack = Stack::start(shape);
    let mut rest = stack.rest(ADMIN);
    store(&rest, 100..200);
    let (mut seen, mut number) = (Vec::new(), 0);
    let mut second_gateway = None;
    loop {
        number += 1;
        let (ids, has_next) = page(&rest, number, 7);
        assert!(ids.len() == 7 || !has_next, "only the last page is shorter");
        seen.extend(ids);
        // Newer ones, and some that happened earlier and arrive late.
        let number = u64::try_from(number).expect("a small number");
        store(&rest, [200 + 2 * number, 201 + 2 * number, number].into_iter());
        match number {
            4 => stack.restart("events-store"),
            6 => stack.restart("gateway"),
            8 => {
                let (process, port) = stack.second_gateway();
                rest = rest.at(port);
                second_gateway = Some(process);
            }
            10 => assert_eq!(page(&rest, 10, 7).0, seen[63..70], "a page may be asked for again"),
            // One that was seen and one that was not.
            11 => {
                for id in [180, 110] {
                    assert_eq!(rest.delete(&format!("/v1/events/{}", id_of(id))).status, 200);
                }
            }
            _ => {}
        }
        if !has_next {
            break;
        }
    }
    drop(second_gateway);
    let mut expected = newest_first(100..200);
    expected.retain(|id| *id != id_of(110));
    assert_eq!(seen, expected);
}

fn walks_beside_each_other_miss_nothing(shape: Shape) {
    let stack = Stack::start(shape);
    let rest = stack.rest(ADMIN);
    store(&rest, 100..160);
    // A first one is ahead, a second one of the same program begins later, and overtakes it.
    let mut first: Vec<String> = (1..=4).flat_map(|number| page(&rest, number, 5).0).collect();
    store(&rest, 160..163);
    let second: Vec<String> = (1..=13).flat_map(|number| page(&rest, number, 5).0).collect();
    first.extend((5..=12).flat_map(|number| page(&rest, number, 5).0));
    assert_eq!(first, newest_first(100..160));
    assert_eq!(second, newest_first(100..163));

    // In step they go on together with what began later.
    let mut first = page(&rest, 1, 5).0;
    store(&rest, 163..166);
    let mut second = page(&rest, 1, 5).0;
    for number in 2..=14 {
        first.extend(page(&rest, number, 5).0);
        second.extend(page(&rest, number, 5).0);
    }
    assert_eq!(second, newest_first(100..166));
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 63, "nothing that was there at its beginning is missed");

    // Programs with other names, or on other lists, have nothing to do with each other.
    let other = rest.with("User-Agent", "another");
    assert_eq!(page(&rest, 1, 10).0, newest_first(156..166));
    store(&rest, 166..168);
    assert_eq!(page(&other, 2, 10).0, newest_first(148..158));
    assert_eq!(page(&rest, 2, 10).0, newest_first(146..156));
    assert_eq!(page(&rest, 2, 20).0, newest_first(128..148));
}

fn any_page_is_as_the_list_is_now(shape: Shape) {
    let stack = Stack::start(shape);
    let rest = stack.rest(ADMIN);
    store(&rest, 100..150);
    for number in [3, 7, 2, 5, 10] {
        let end = 150 - 5 * (u64::try_from(number).expect("a small number") - 1);
        assert_eq!(page(&rest, number, 5), (newest_first(end - 5..end), number != 10), "page {number}");
    }
    store(&rest, 150..152);
    // A page that no walk stands before is counted off from the newest event, and a walk may begin there.
    assert_eq!(page(&rest, 9, 5).0, newest_first(107..112));
    store(&rest, 152..154);
    assert_eq!(page(&rest, 10, 5).0, newest_first(102..107));
    assert_eq!(page(&rest, 12, 5), (Vec::new(), false));
    // The walk that began with page 3 goes on; somebody else sees the list as it is now.
    assert_eq!(page(&rest, 4, 5).0, newest_first(130..135));
    assert_eq!(page(&rest.with("User-Agent", "another"), 4, 5).0, newest_first(134..139));
}

//! What costs too much, and what is no layer. Whole images are read in `tests/it`.

use std::io::Write;

use flate2::write::GzEncoder;

use super::*;
use crate::Bounds;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn check(source: &[u8], bounds: Bounds, expected: Result<u64, &str>) {
    let budget = Budget::new(bounds);
    let read = read(source, &Digest::sha256(b""), &budget);
    let seen = read.map(|_| budget.unpacked_bytes()).map_err(|error| error.to_string());
    assert_eq!(seen, expected.map_err(str::to_owned));
}

#[test]
fn bounds_are_held_on_the_way() {
    let bounds = Bounds { ratio_max: 100, unpacked_bytes_max: 8 << 20, ..Bounds::default() };
    let zeros = vec![0; 4 << 20];
    check(&zeros, bounds.clone(), Ok(4 << 20));
    check(&gzip(&zeros[..1 << 20]), bounds.clone(), Ok(1 << 20));
    check(&gzip(&zeros), bounds.clone(), Err("unpacks to more than 100 times its size"));
    check(&[&zeros[..], &zeros, &[0]].concat(), bounds, Err("the layers unpack to more than 8388608 bytes"));
}

#[test]
fn what_is_no_layer_is_called_what_it_is() {
    let bounds = Bounds::default;
    let whole = gzip(&[0; 4096]);
    check(&whole[..whole.len() - 9], bounds(), Err("the gzip data ends before its end"));
    check(b"\xfd7zXZ\0...", bounds(), Err("compressed by xz, which images do not use"));
    check(b"(\xb5/\xfd\0\0", bounds(), Err("the zstd data ends before its end"));
    check(b"<html>", bounds(), Err("the archive ends in the middle of an entry, at byte 6"));
    check(b"", bounds(), Ok(0));
}

//! Archives made by hand, and what is said of broken ones.

use super::*;

/// A header with a right checksum.
fn header(path: &str, type_flag: u8, size: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK_BYTES];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = type_flag;
    block[257..263].copy_from_slice(b"ustar\0");
    sealed(block)
}

fn sealed(mut block: Vec<u8>) -> Vec<u8> {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn entry(path: &str, type_flag: u8, content: &[u8]) -> Vec<u8> {
    let mut entry = header(path, type_flag, content.len() as u64);
    entry.extend(content);
    entry.resize(entry.len().next_multiple_of(BLOCK_BYTES), 0);
    entry
}

fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (1..8).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length);
    format!("{} {key}={value}\n", length.unwrap())
}

/// Every entry as `path kind size content`, or what went wrong after them.
fn read(archive: &[u8]) -> Vec<String> {
    let mut archive = Archive::new(archive);
    let mut seen = Vec::new();
    loop {
        match archive.next_entry() {
            Ok(None) => break,
            Ok(Some(entry)) => {
                let mut content = Vec::new();
                let read = archive.read_to_end(&mut content).map(|_| String::from_utf8_lossy(&content).into_owned());
                let path = String::from_utf8_lossy(&entry.path).into_owned();
                let kind = match entry.kind {
                    EntryKind::HardLink(target) => format!("hard {}", String::from_utf8_lossy(&target)),
                    EntryKind::Symlink(target) => format!("link {}", String::from_utf8_lossy(&target)),
                    kind => format!("{kind:?}"),
                };
                seen.push(format!("{path} {kind} {} {}", entry.size, read.unwrap_or_else(|error| error.to_string())));
            }
            Err(error) => {
                seen.push(error.to_string());
                return seen;
            }
        }
    }
    archive.finish().unwrap();
    seen
}

#[track_caller]
fn check(parts: &[Vec<u8>], expected: &[&str]) {
    assert_eq!(read(&parts.concat()), expected);
}

#[test]
fn entries_come_in_their_order() {
    let mut link = header("c", b'2', 0);
    link[157..160].copy_from_slice(b"b/x");
    check(
        &[entry("a", b'0', b"hello"), entry("b/", b'5', b""), sealed(link), entry("d", 0, b""), vec![0; 1024]],
        &["a File 5 hello", "b/ Folder 0 ", "c link b/x 0 ", "d File 0 "],
    );
    check(&[vec![0; 1024], b"what follows does not matter".to_vec()], &[]);
    check(&[], &[]);
}

#[test]
fn names_may_be_long() {
    let long = format!("{}/x", "d".repeat(200));
    let gnu = entry("././@LongLink", b'L', format!("{long}\0").as_bytes());
    check(&[gnu, entry("short", b'0', b"1")], &[&format!("{long} File 1 1")]);
    let pax = entry("pax", b'x', format!("{}{}", record("mtime", "1.5"), record("path", &long)).as_bytes());
    check(&[pax, entry("short", b'0', b"1"), entry("next", b'0', b"")], &[&format!("{long} File 1 1"), "next File 0 "]);
    let mut posix = header("name", b'0', 0);
    posix[345..351].copy_from_slice(b"prefix");
    check(&[sealed(posix)], &["prefix/name File 0 "]);
}

#[test]
fn a_size_may_stand_in_a_record() {
    let mut content = b"0123456789".to_vec();
    content.resize(BLOCK_BYTES, 0);
    let pax = entry("pax", b'x', record("size", "10").as_bytes());
    check(&[pax, header("a", b'0', 0), content, entry("b", b'0', b"")], &["a File 10 0123456789", "b File 0 "]);
}

#[test]
fn links_have_no_content_whatever_their_header_says() {
    check(&[header("a", b'1', 700), entry("b", b'0', b"1")], &["a hard  0 ", "b File 1 1"]);
}

#[test]
fn files_with_holes_are_told_apart() {
    let pax =
        entry("pax", b'x', format!("{}{}", record("GNU.sparse.major", "1"), record("GNU.sparse.name", "a")).as_bytes());
    check(&[pax, entry("b", b'0', b"1")], &["a SparseFile 1 1"]);
    let mut old = header("a", b'S', 1);
    old[482] = 1;
    let mut map = vec![0; BLOCK_BYTES];
    map[504] = 1;
    let content = [b"1".to_vec(), vec![0; BLOCK_BYTES - 1]].concat();
    let parts = [sealed(old), map, vec![0; BLOCK_BYTES], content, entry("b", b'0', b"")];
    check(&parts, &["a SparseFile 1 1", "b File 0 "]);
}

#[test]
fn a_broken_archive_says_where() {
    check(
        &[entry("a", b'0', b""), vec![b'x'; BLOCK_BYTES]],
        &["a File 0 ", "no tar archive: the header at byte 512 has a wrong checksum"],
    );
    check(
        &[header("a", b'0', 700)],
        &[
            "a File 700 the archive ends in the middle of an entry, at byte 512",
            "the archive ends in the middle of an entry, at byte 512",
        ],
    );
    check(&[header("a", b'0', 0)[..100].to_vec()], &["the archive ends in the middle of an entry, at byte 100"]);
    let mut size = header("a", b'0', 0);
    size[124..136].fill(0xff);
    check(&[sealed(size)], &["the header at byte 0 has a broken size"]);
    for records in ["8 path=x\n", "x path=x\n", "7 pathx\n", "9999999999999999999999 path=x\n"] {
        check(&[entry("pax", b'x', records.as_bytes())], &["the header at byte 0 has a broken pax record"]);
    }
}

#[test]
fn extensions_are_bounded_before_they_are_read() {
    let long = "announced and not there";
    let gnu = header(long, b'L', (1 << 33) - 1);
    check(&[gnu], &["a path or link of 8589934590 bytes at byte 0, expected at most 4096"]);
    let pax = header(long, b'x', (1 << 33) - 1);
    check(&[pax], &["an extension header of 8589934591 bytes at byte 0, expected at most 1048576"]);
    let path = entry("pax", b'x', record("path", &"a/".repeat(2100)).as_bytes());
    check(&[path], &["a path or link of 4200 bytes at byte 0, expected at most 4096"]);
}

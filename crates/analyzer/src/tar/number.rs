//! Numbers in a tar header.

/// An octal number, or one in base 256 behind a set high bit (GNU). An empty field is 0. `None` where it is neither, or
/// not within 63 bits.
pub fn parse(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        // Negative: the bit below the mark is the sign.
        Some((first, _)) if first & 0xc0 == 0xc0 => None,
        Some((first, rest)) if first & 0x80 != 0 => {
            let digits = std::iter::once(first & 0x3f).chain(rest.iter().copied());
            digits.into_iter().try_fold(0_u64, |number, digit| push(number, 256, digit.into()))
        }
        _ => {
            let text = field.trim_ascii_start();
            let end = text.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(text.len());
            text[..end].iter().try_fold(0, |number, byte| match byte {
                b'0'..=b'7' => push(number, 8, u64::from(byte - b'0')),
                _ => None,
            })
        }
    }
}

fn push(number: u64, base: u64, digit: u64) -> Option<u64> {
    let number = number.checked_mul(base)?.checked_add(digit)?;
    i64::try_from(number).is_ok().then_some(number)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_octal_or_binary() {
        let check = |field: &[u8], expected: Option<u64>| assert_eq!(super::parse(field), expected, "{field:?}");
        check(b"00000000144\0", Some(100));
        check(b"    144 \0\0\0\0", Some(100));
        check(b"\0\0\0\0\0\0\0\0\0\0\0\0", Some(0));
        check(b"            ", Some(0));
        check(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1], Some((2 << 32) + 1));
        check(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[0xff; 12], None);
        check(b"0000000008\0\0", None);
        check(b"-1\0", None);
    }
}

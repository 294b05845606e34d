//! Values that callers write, as keys: bounded, and each told from every other.

use super::KeyBytes;

/// Longer values share one bucket, so that nobody makes a limiter keep or send along what is of no use.
const MOST_BYTES: usize = 1024;

/// What a key begins with that may be missing.
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const TOO_LONG: u8 = 2;

/// Writes a value that is missing: everybody without it has one bucket together.
pub(super) fn write_absent(bytes: &mut KeyBytes) {
    bytes.push(ABSENT);
}

/// Writes one value, or several as one. None is a missing one; an empty one is not.
pub(super) fn write_values<'v, I>(values: impl Fn() -> I, bytes: &mut KeyBytes)
where
    I: Iterator<Item = &'v [u8]>,
{
    let lengths = values().map(|value| value.len().saturating_add(size_of::<u32>()));
    match lengths.fold(0, usize::saturating_add) {
        0 => write_absent(bytes),
        1..=MOST_BYTES => {
            bytes.push(PRESENT);
            for value in values() {
                write_part(value, bytes);
            }
        }
        _ => bytes.push(TOO_LONG),
    }
}

/// Writes a part of a key with its length before it, so that parts cannot run together.
pub(super) fn write_part(part: &[u8], bytes: &mut KeyBytes) {
    bytes.extend_from_slice(&length(part.len()));
    bytes.extend_from_slice(part);
}

/// As parts begin. They are far shorter than what a length can tell; nothing in a request is that long.
pub(super) fn length(bytes: usize) -> [u8; size_of::<u32>()] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(values: &[&[u8]]) -> KeyBytes {
        let mut bytes = KeyBytes::new();
        write_values(|| values.iter().copied(), &mut bytes);
        bytes
    }

    #[test]
    fn q10_a_long_value_is_neither_copied_nor_told_from_another() {
        let (one, other) = (vec![b'a'; 10_000_000], vec![b'b'; 1021]);
        assert_eq!(written(&[&one]).as_slice(), [TOO_LONG]);
        assert_eq!(written(&[&one]), written(&[&other]));
        assert_eq!(written(&[&[b'a'; 1020]]).len(), 1 + 4 + 1020);
        assert_eq!(written(&vec![&b""[..]; 1_000_000]).as_slice(), [TOO_LONG]);
    }

    proptest! {
        #[test]
        fn q10_values_that_differ_have_keys_that_differ(
            one in proptest::collection::vec("[ab\\x00]{0,3}", 0..3), other in proptest::collection::vec("[ab\\x00]{0,3}", 0..3),
        ) {
            let bytes = |values: &[String]| written(&values.iter().map(String::as_bytes).collect::<Vec<_>>());
            prop_assert_eq!(one == other, bytes(&one) == bytes(&other));
        }
    }
}

//! Base62: random digits, and the checksum of a key's text in six of them.

use std::io;

use zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Base62 digits that hold 32 bits.
pub(super) const CHECKSUM_LEN: usize = 6;

pub(super) fn are_digits(text: &str) -> bool {
    // No branch, so that the compiler can judge many at once.
    text.bytes().fold(true, |good, byte| good & byte.is_ascii_alphanumeric())
}

/// Fills with base62 digits, each as likely as the others.
pub(super) fn fill_random(digits: &mut [u8]) -> io::Result<()> {
    // The largest multiple of 62 in a byte's range: a byte from there up would favour some digits and is drawn again.
    const FAIR: u8 = 248;

    let mut drawn = Zeroizing::new([0; 64]);
    let mut missing = digits.iter_mut();
    loop {
        getrandom::fill(drawn.as_mut_slice()).map_err(|error| {
            error
                .raw_os_error()
                .map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error)
        })?;
        for byte in drawn.iter().filter(|byte| **byte < FAIR) {
            let Some(digit) = missing.next() else { return Ok(()) };
            *digit = ALPHABET[usize::from(byte % 62)];
        }
    }
}

/// The CRC-32 of a text, as base62 digits with leading zeros.
pub(super) fn checksum(text: &str) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [0; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// CRC-32 as in ISO 3309 and RFC 1952 8.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();

    !bytes.iter().fold(!0, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
    })
}

const fn table() -> [u32; 256] {
    const POLYNOMIAL: u32 = 0xEDB8_8320;

    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut remainder = index as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= POLYNOMIAL;
            }
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a1_the_checksum_is_the_well_known_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
        assert_eq!(checksum(""), *b"000000");
    }

    #[test]
    fn a1_random_digits_use_the_whole_alphabet_and_nothing_else() {
        let mut digits = [0; 10_000];
        fill_random(&mut digits).unwrap();
        let seen: BTreeSet<u8> = digits.into_iter().collect();
        assert_eq!(seen, ALPHABET.iter().copied().collect());
    }
}

//! RSA moduli of a broken key generator (ROCA, CVE-2017-15361): their primes are powers of 65537 modulo many small
//! primes, so the private key can be found from the public one.

/// The small primes that the generator used for keys of every length.
const PRIMES: [u32; 39] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a modulus has the generator's mark. A random modulus has it once in about 2^28.
pub(super) fn is_marked(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |remainder, byte| (remainder << 8 | u32::from(*byte)) % prime)
}

/// Whether `value` is a power of 65537 modulo `prime`.
fn is_power(value: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1 % prime;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * generator % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j13_powers_of_the_generator_are_marked_and_others_are_not() {
        // 65537^2 is a power modulo every prime; a product with 3 is none modulo 3.
        assert!(is_marked(&(65_537_u64 * 65_537).to_be_bytes()));
        assert!(!is_marked(&(65_537_u64 * 3).to_be_bytes()));
        assert!(!is_marked(&[0xff; 256]));
    }
}

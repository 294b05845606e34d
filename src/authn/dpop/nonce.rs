use std::fmt;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::config::ConfigError;

/// Bytes of a nonce: enough that nobody guesses one.
const LENGTH: usize = 16;

/// The key that server nonces are made with (RFC 9449 8).
///
/// A nonce is a MAC over the time, so nothing is stored, and nobody without the key can tell the next one. Instances that
/// share the key accept each other's nonces.
#[derive(Clone)]
pub struct NonceKey(hmac::Key);

impl NonceKey {
    /// A key of this process alone. Nonces end with the process: clients are told to take a new one.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness.
    #[must_use]
    pub fn random() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rand::fill(&mut *key).expect("the operating system has randomness");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &*key))
    }

    /// A key that several instances share.
    ///
    /// # Errors
    ///
    /// If it has fewer than 32 bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < 32 {
            return Err(ConfigError::new("nonce key", "has fewer than 32 bytes"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }
}

/// Never the key.
impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(..)")
    }
}

/// Gives out nonces, and knows those given out lately.
#[derive(Clone, Debug)]
pub(super) struct Nonces {
    pub(super) key: NonceKey,
    /// How long one nonce is given out; it is accepted as long again.
    pub(super) period: Duration,
    /// How much earlier another instance's clock may give out the next one.
    pub(super) tolerance: Duration,
}

impl Nonces {
    /// The nonce that is given out now.
    pub(super) fn current(&self, now: Duration) -> HeaderValue {
        let text = self.at(self.slot(now));
        // base64url fits into a header.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Whether this is the nonce that is given out now.
    pub(super) fn is_current(&self, nonce: &str, now: Duration) -> bool {
        self.is_of(nonce, self.slot(now))
    }

    /// Whether this nonce was given out lately: the present one, the one before, or the next where it is nearly time.
    pub(super) fn accepts(&self, nonce: &str, now: Duration) -> bool {
        let slot = self.slot(now);
        let next = self.slot(now.saturating_add(self.tolerance));
        self.is_of(nonce, slot)
            || slot.checked_sub(1).is_some_and(|previous| self.is_of(nonce, previous))
            || next != slot && self.is_of(nonce, next)
    }

    fn slot(&self, now: Duration) -> u64 {
        now.as_secs() / self.period.as_secs().max(1)
    }

    fn is_of(&self, nonce: &str, slot: u64) -> bool {
        verify_slices_are_equal(nonce.as_bytes(), self.at(slot).as_bytes()).is_ok()
    }

    fn at(&self, slot: u64) -> String {
        let mut message = *b"tower-warden DPoP nonce\0\0\0\0\0\0\0\0\0";
        let time_at = message.len() - 8;
        message[time_at..].copy_from_slice(&slot.to_be_bytes());
        URL_SAFE_NO_PAD.encode(&hmac::sign(&self.key.0, &message).as_ref()[..LENGTH])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonces(secret: u8) -> Nonces {
        Nonces {
            key: NonceKey::from_secret(&[secret; 32]).unwrap(),
            period: Duration::from_secs(120),
            tolerance: Duration::from_secs(5),
        }
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn p17_a_nonce_holds_for_its_period_and_the_next_one() {
        let nonces = nonces(1);
        let given = nonces.current(at(1200));
        let given = given.to_str().unwrap();
        for (now, accepted, current) in [
            (1194, false, false),
            (1195, true, false), // another instance's clock may be ahead
            (1200, true, true),
            (1319, true, true),
            (1320, true, false),
            (1439, true, false),
            (1440, false, false),
        ] {
            assert_eq!(nonces.accepts(given, at(now)), accepted, "{now}");
            assert_eq!(nonces.is_current(given, at(now)), current, "{now}");
        }
    }

    #[test]
    fn p17_only_the_key_makes_nonces_and_instances_that_share_it_agree() {
        let given = nonces(1).current(at(1200));
        let given = given.to_str().unwrap();
        assert_eq!(given.len(), 22);
        assert!(nonces(1).accepts(given, at(1200)));
        assert!(!nonces(2).accepts(given, at(1200)));
        let random = || Nonces { key: NonceKey::random(), ..nonces(0) };
        assert_ne!(random().current(at(1200)), random().current(at(1200)));
        for other in ["", "A", &given[1..], &format!("{given}A"), &given.to_ascii_lowercase()] {
            assert!(!nonces(1).accepts(other, at(1200)), "{other}");
        }
    }

    #[test]
    fn p17_a_short_key_is_refused_and_no_key_is_printed() {
        assert!(NonceKey::from_secret(&[7; 31]).is_err());
        assert_eq!(format!("{:?}", NonceKey::from_secret(&[7; 32]).unwrap()), "NonceKey(..)");
    }
}

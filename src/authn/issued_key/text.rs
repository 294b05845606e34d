use std::{fmt, str};

use zeroize::Zeroizing;

use super::digits::{CHECKSUM_LEN, are_digits, checksum};
use super::{KeyPrefix, Secret, SecretHash};

/// Base62 digits that hold 256 bits.
pub(super) const SECRET_LEN: usize = 43;

/// The public id of a key: 16 base62 digits. Copied freely, and fit for logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// The digits of an id.
    pub const LEN: usize = 16;

    /// Digits that [`super::digits`] drew.
    pub(super) const fn of_digits(digits: [u8; Self::LEN]) -> Self {
        Self(digits)
    }

    /// Reads an id as it was stored.
    ///
    /// # Errors
    ///
    /// If it is not 16 base62 digits.
    pub fn parse(id: &str) -> Result<Self, KeyTextError> {
        match id.as_bytes().try_into() {
            Ok(digits) if are_digits(id) => Ok(Self(digits)),
            _ => Err(KeyTextError::Malformed),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Both ways to an id let base62 digits in only, so the default is never seen.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// The form is right, but the checksum is not: a typing error or a made-up key.
    #[error("the checksum does not fit the key")]
    Checksum,
    /// It has not the form of a key.
    #[error("this has not the form of a key")]
    Malformed,
}

/// The text of a key, well formed and with the right checksum. Whether the key was ever issued only a store can tell.
#[derive(Clone, Copy)]
pub struct KeyText<'t> {
    text: &'t str,
    prefix: &'t str,
    id: KeyId,
}

impl<'t> KeyText<'t> {
    /// The most characters a key can have.
    pub const MAX_LEN: usize = KeyPrefix::MAX_LEN + 1 + KeyId::LEN + 1 + SECRET_LEN + CHECKSUM_LEN;

    /// Reads a key strictly: each key has exactly one text.
    ///
    /// # Errors
    ///
    /// If the form or the checksum is wrong.
    pub fn parse(text: &'t str) -> Result<Self, KeyTextError> {
        const MALFORMED: KeyTextError = KeyTextError::Malformed;

        if text.len() > Self::MAX_LEN || !text.is_ascii() {
            return Err(MALFORMED);
        }
        // From the end: all but the prefix has a length of its own.
        let (front, secret) = last(text, SECRET_LEN + CHECKSUM_LEN).ok_or(MALFORMED)?;
        let (prefix, id) = last(front, KeyId::LEN).ok_or(MALFORMED)?;
        let id = KeyId::parse(id)?;
        if !are_digits(secret) || !KeyPrefix::is_valid(prefix) {
            return Err(MALFORMED);
        }
        let (checked, sum) = text.split_at(text.len() - CHECKSUM_LEN);
        if sum.as_bytes() == checksum(checked) {
            Ok(Self { text, prefix, id })
        } else {
            Err(KeyTextError::Checksum)
        }
    }

    /// The public id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The public prefix.
    #[must_use]
    pub const fn prefix(&self) -> &'t str {
        self.prefix
    }

    /// The hash to store, or to compare with a stored one.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.text)
    }
}

/// The last part of an ASCII text, which has so many characters, and what is before the underscore in front of it.
fn last(text: &str, length: usize) -> Option<(&str, &str)> {
    let (front, part) = text.split_at_checked(text.len().checked_sub(length)?)?;
    Some((front.strip_suffix('_')?, part))
}

impl fmt::Debug for KeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyText")
            .field("prefix", &self.prefix)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Writes a key. The text is as long as it will ever be from the start, so that no copy is left behind by growing.
pub(super) fn compose(
    prefix: &KeyPrefix,
    id: &[u8; KeyId::LEN],
    secret: &[u8; SECRET_LEN],
) -> Secret {
    let mut text = Zeroizing::new(String::with_capacity(KeyText::MAX_LEN));
    text.push_str(prefix.as_str());
    for part in [id.as_slice(), secret.as_slice()] {
        text.push('_');
        text.extend(part.iter().map(|digit| char::from(*digit)));
    }
    let sum = checksum(&text);
    text.extend(sum.map(char::from));
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::authn::issued_key::IssuedKey;

    fn issued(prefix: &str) -> IssuedKey {
        IssuedKey::generate(&KeyPrefix::new(prefix).unwrap()).unwrap()
    }

    #[test]
    fn a1_a_key_has_prefix_id_and_checksum_and_a_secret_of_256_bits() {
        let issued = issued("acme_live");
        let text = KeyText::parse(issued.key.expose()).unwrap();
        assert_eq!((text.prefix(), text.id()), ("acme_live", issued.id));
        assert!(bool::from(text.hash().is(&issued.hash)));
        assert!(62f64.log2() * SECRET_LEN as f64 >= 256.0);
    }

    #[test]
    fn a1_no_two_keys_share_an_id_or_a_secret() {
        let (one, two) = (issued("ab"), issued("ab"));
        assert_ne!(one.id, two.id);
        assert_ne!(one.key.expose()[20..], two.key.expose()[20..]);
    }

    #[test]
    fn a1_a_change_of_any_one_character_is_found_without_a_store() {
        let issued = issued("acme_live");
        let text = issued.key.expose();
        for at in 0..text.len() {
            for other in ['0', 'a', 'Z', '_', '-', '\u{e9}'] {
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert!(changed == text || KeyText::parse(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn a1_a_key_cannot_be_cut_or_grown() {
        let issued = issued("acme_live");
        let text = issued.key.expose();
        for end in 0..text.len() {
            assert!(KeyText::parse(&text[..end]).is_err());
            assert!(KeyText::parse(&text[text.len() - end..]).is_err());
        }
        for grown in
            [format!(" {text}"), format!("{text} "), format!("{text}{text}"), format!("{text}0")]
        {
            assert!(KeyText::parse(&grown).is_err(), "{grown}");
        }
    }

    proptest! {
        #[test]
        fn a1_keys_survive_a_round_trip(
            prefix in "[a-z][a-z0-9]{1,9}(_[a-z0-9]{1,5}){0,3}",
            id in "[0-9A-Za-z]{16}",
            secret in "[0-9A-Za-z]{43}",
        ) {
            let prefix = KeyPrefix::new(&prefix).unwrap();
            let (id, secret): (&[u8; 16], &[u8; 43]) =
                (id.as_bytes().try_into().unwrap(), secret.as_bytes().try_into().unwrap());
            let key = compose(&prefix, id, secret);
            let text = KeyText::parse(key.expose()).unwrap();
            prop_assert_eq!(text.prefix(), prefix.as_str());
            prop_assert_eq!(KeyId::parse(text.id().as_str()), Ok(KeyId(*id)));
        }

        #[test]
        fn a1_no_text_makes_the_parser_panic(text in any::<String>()) {
            prop_assert!(KeyText::parse(&text).is_err());
            prop_assert_eq!(KeyId::parse(&text).is_ok(), text.len() == 16 && are_digits(&text));
        }

        #[test]
        fn a1_a_look_alike_without_the_checksum_is_no_key(
            text in "[a-z_]{1,40}_[0-9A-Za-z]{15,17}_[0-9A-Za-z]{42,50}",
        ) {
            prop_assert!(KeyText::parse(&text).is_err());
        }
    }
}

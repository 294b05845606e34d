use std::fmt;

use crate::config::ConfigError;

/// The public prefix of a key, such as `acme_live`: whose key it is, and for what.
///
/// 2 to 32 lower-case ASCII letters, digits and single underscores between them; the first is a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// The most characters a prefix can have.
    pub const MAX_LEN: usize = 32;

    /// Checks a prefix.
    ///
    /// # Errors
    ///
    /// If it has not the form above.
    pub fn new(prefix: &str) -> Result<Self, ConfigError> {
        if Self::is_valid(prefix) {
            Ok(Self(prefix.to_owned()))
        } else {
            Err(ConfigError::new(
                format!("key prefix {prefix:?}"),
                "must be 2 to 32 lower-case letters, digits and single underscores between them, a letter first",
            ))
        }
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_valid(prefix: &str) -> bool {
        let is_in_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let prefix = prefix.as_bytes();
        (2..=Self::MAX_LEN).contains(&prefix.len())
            && prefix.first().is_some_and(u8::is_ascii_lowercase)
            && prefix
                .split(|byte| *byte == b'_')
                .all(|word| !word.is_empty() && word.iter().all(is_in_word))
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_a_prefix_cannot_be_confused_with_the_rest_of_a_key() {
        for good in ["ab", "acme_live", "a1_2", &"a".repeat(32)] {
            assert_eq!(KeyPrefix::new(good).unwrap().as_str(), good);
        }
        for bad in
            ["", "a", "1a", "_a", "a_", "a__b", "Acme", "a-b", "a b", "\u{e4}b", &"a".repeat(33)]
        {
            let error = KeyPrefix::new(bad).unwrap_err();
            assert_eq!(error.problems()[0].culprit(), format!("key prefix {bad:?}"));
        }
    }
}

//! Keys that this service issues: their text, their secret and its hash, who holds them and how long.
//!
//! What [`api_key`](super::api_key) and [`app_key`](super::app_key) have in common.
//!
//! # The text of a key
//!
//! ```text
//! acme_live_3kTq0VbN8xYzLr5D_dQ7...43 digits...x9R0a1B2c
//! prefix    id (16)          secret (43)          checksum (6)
//! ```
//!
//! * The prefix is yours and public: it tells a reader whose key was found, and for what. See [`KeyPrefix`].
//! * The id is public: a record is looked up by it, a log may hold it, a key is revoked by it.
//! * The secret is 43 base62 digits from the operating system's random source, 256 bits.
//! * The checksum is the CRC-32 of all that precedes it, in base62. Anyone can tell a real key from a look-alike
//!   without asking: a secret scanner, and this crate before it asks a store. It protects nothing.
//!
//! For a secret scanner, with your own prefix in place of `acme_live`:
//!
//! ```text
//! \bacme_live_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\b
//! ```
//!
//! # Rules
//!
//! 1. A key exists as text once, in the [`Secret`] of an [`IssuedKey`], for you to show to its holder.
//! 2. Stored is the SHA-256 hash of the whole text. Against 256 random bits a slow password hash has nothing to add:
//!    there is nothing to guess. The hash binds prefix, id and secret together.
//! 3. Neither key nor hash appears in any `Debug` or `Display` of this crate.
//!
//! # What is not checked
//!
//! Whether a leaked key was reported. Read its id off the text with [`KeyText::parse`], and revoke that.
//!
//! ```
//! use tower_warden::authn::issued_key::{IssuedKey, KeyPrefix, KeyText, KeyTextError};
//!
//! let issued = IssuedKey::generate(&KeyPrefix::new("acme_live")?)?;
//! assert_eq!(KeyText::parse(issued.key.expose())?.id(), issued.id);
//!
//! let look_alike = issued.key.expose().replace("acme_live", "acme_test");
//! assert_eq!(KeyText::parse(&look_alike).unwrap_err(), KeyTextError::Checksum);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod digits;
mod holder;
mod lookup;
mod prefix;
mod secret;
mod text;
mod validity;

use std::io;

use zeroize::Zeroizing;

pub use self::holder::Holder;
pub use self::lookup::{Lookup, StoreError};
pub use self::prefix::KeyPrefix;
pub use self::secret::{Secret, SecretHash};
pub use self::text::{KeyId, KeyText, KeyTextError};
pub(super) use self::validity::{Untimely, Validity};

/// A key just made: the text to show to its holder once, and what to store.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedKey {
    /// The whole key. Show it once; it cannot be had again.
    pub key: Secret,
    /// The public id, to look the record up and to revoke it by.
    pub id: KeyId,
    /// What to store in place of the key.
    pub hash: SecretHash,
}

impl IssuedKey {
    /// Makes a key of 256 random bits.
    ///
    /// # Errors
    ///
    /// If the operating system gives no random bytes.
    pub fn generate(prefix: &KeyPrefix) -> io::Result<Self> {
        let mut id = [0; KeyId::LEN];
        digits::fill_random(&mut id)?;
        let mut secret = Zeroizing::new([0; text::SECRET_LEN]);
        digits::fill_random(secret.as_mut_slice())?;
        let key = text::compose(prefix, &id, &secret);
        let hash = SecretHash::of(key.expose());
        Ok(Self { key, id: KeyId::of_digits(id), hash })
    }
}

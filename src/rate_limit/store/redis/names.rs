use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Names of buckets on a server: no address, and nobody's name, can be read from them.
pub(super) struct Names {
    pub(super) prefix: String,
    /// Already fed with the secret.
    hash: Sha256,
    one_slot: bool,
}

impl Names {
    pub(super) fn new(prefix: String, secret: &[u8], one_slot: bool) -> Self {
        // The length tells where the secret ends and the key begins.
        let hash = Sha256::new().chain_update((secret.len() as u64).to_le_bytes());
        Self { prefix, hash: hash.chain_update(secret), one_slot }
    }

    /// The bucket of that key in that policy.
    ///
    /// A cluster places a name by what is in the braces: the buckets of one key are on one server, whatever the policy.
    pub(super) fn of(&self, policy: &str, key: &[u8]) -> String {
        let digest = self.hash.clone().chain_update(key).finalize();
        let digest = URL_SAFE_NO_PAD.encode(&digest[..16]);
        let Self { prefix, .. } = self;
        if self.one_slot {
            format!("{{{prefix}}}:{digest}:{policy}")
        } else {
            format!("{prefix}:{{{digest}}}:{policy}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q6_a_name_tells_neither_the_key_nor_the_secret() {
        let name = |secret: &str, key: &str| {
            Names::new("shop".to_owned(), secret.as_bytes(), false).of("hourly", key.as_bytes())
        };
        let plain = name("", "ada");
        assert!(plain.starts_with("shop:{") && plain.ends_with("}:hourly"), "{plain}");
        assert_eq!(plain.len(), "shop:{}:hourly".len() + 22);
        assert_eq!(plain, name("", "ada"));
        let others = [name("", "adb"), name("secret", "ada"), name("a", "da"), name("ad", "a")];
        assert!(others.iter().all(|other| *other != plain), "{others:?}");
        assert_ne!(name("a", "da"), name("ad", "a"));
        let one = Names::new("shop".to_owned(), b"", true);
        assert!(one.of("hourly", b"ada").starts_with("{shop}:"));
    }
}

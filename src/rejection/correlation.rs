use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{Extensions, HeaderValue};
use serde::{Serialize, Serializer};
use siphasher::sip::SipHasher13;
use uuid::Uuid;
use uuid::fmt::{Hyphenated, Urn};

use super::Arrival;
use crate::header_text::header_value;

/// An opaque id that joins what the caller saw with what the log kept.
///
/// Its text form is a version 4 UUID, its JSON form the URN of that (RFC 9562 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CorrelationId(Uuid);

impl CorrelationId {
    /// Of its JSON form, quotes included.
    pub(super) const JSON_LENGTH: usize = Urn::LENGTH + 2;

    /// An id that was not given before in this process and cannot be guessed from earlier ones.
    ///
    /// A number of this process's own and a keyed hash of a counter: no system call, no lock, no allocation. It names a
    /// request and grants nothing.
    #[must_use]
    pub fn fresh() -> Self {
        static PROCESS: LazyLock<[u64; 3]> = LazyLock::new(|| {
            let random = RandomState::new();
            [0, 1, 2].map(|number: u64| random.hash_one(number))
        });
        static NEXT: AtomicU64 = AtomicU64::new(0);

        let [high, key @ ..] = *PROCESS;
        // As the standard library's hasher, which takes longer over a single number.
        let mut hasher = SipHasher13::new_with_keys(key[0], key[1]);
        hasher.write_u64(NEXT.fetch_add(1, Ordering::Relaxed));
        let random = (u128::from(high) << 64 | u128::from(hasher.finish())).to_be_bytes();
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// The id of a request, where the sanitizing layer gave one.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        let own = extensions.get().copied();
        own.or_else(|| Some(Arrival::of(extensions)?.correlation_id))
    }

    /// The id as a header value.
    #[must_use]
    pub fn to_header_value(self) -> HeaderValue {
        let mut buffer = [0; Hyphenated::LENGTH];
        let text = self.0.hyphenated().encode_lower(&mut buffer);
        header_value(text.as_bytes())
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CorrelationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; Urn::LENGTH];
        serializer.serialize_str(self.0.urn().encode_lower(&mut buffer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn correlation_ids_do_not_repeat() {
        let ids: HashSet<_> = (0..10_000).map(|_| CorrelationId::fresh()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn a_correlation_id_has_one_text_form() {
        let id = CorrelationId::fresh();
        assert_eq!(id.to_header_value().to_str().unwrap(), id.to_string());
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"urn:uuid:{id}\""));
    }
}

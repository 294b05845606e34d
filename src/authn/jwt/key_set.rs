use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Algorithm, VerifyingKey};

/// How many keys of an issuer may answer to one token: each costs a signature check.
pub(super) const MAX_CANDIDATES: usize = 4;

/// The keys of an issuer as they are at one moment.
///
/// A copy counts as the same set; one made anew from the same keys does not: what was validated with the one is
/// validated again with the other.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    /// Tells this set from all others of the process.
    number: u64,
}

impl KeySet {
    /// A set of these keys.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { keys, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// The keys that a token of this algorithm and key name may have been signed with: none where there are more than
    /// a token may cost.
    pub(in crate::authn) fn candidates(
        &self,
        algorithm: Algorithm,
        key_id: Option<&str>,
    ) -> impl Iterator<Item = &VerifyingKey> {
        let fitting = move |key: &&VerifyingKey| key.fits(algorithm, key_id);
        let few = self.keys.iter().filter(fitting).count() <= MAX_CANDIDATES;
        self.keys.iter().filter(move |key| few && fitting(key))
    }
}

/// Where an issuer's keys come from when they change while the service runs.
///
/// ```
/// use std::sync::Arc;
/// use tower_warden::authn::jwt::{Issuer, KeySet, KeySource, Renewal};
/// use tower_warden::testing::TestIssuer;
///
/// /// Keys that somebody else puts there.
/// #[derive(Debug)]
/// struct Fixed(Arc<KeySet>);
///
/// impl KeySource for Fixed {
///     fn current(&self) -> Option<Arc<KeySet>> {
///         Some(Arc::clone(&self.0))
///     }
///
///     fn renew(&self) -> Option<Renewal> {
///         None // there is nobody to ask for newer ones
///     }
/// }
///
/// let signer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let keys = Fixed(Arc::new(KeySet::new(vec![signer.verifying_key()])));
/// assert!(Issuer::builder("https://issuer.example").audience("https://api.example").keys_from(keys).build().is_ok());
///
/// let none = Issuer::builder("https://issuer.example").audience("https://api.example").build();
/// assert!(none.is_err()); // neither keys nor a source
/// ```
pub trait KeySource: fmt::Debug + Send + Sync + 'static {
    /// The keys in force. Never waits. `None` when there are none that may still be used: requests then get a 503.
    fn current(&self) -> Option<Arc<KeySet>>;

    /// Asks for newer keys, because a token names a key that is not there or because there are none; the future ends when
    /// the answer is in, whatever it is. `None` when that was done a moment ago: whoever sends tokens must not be able
    /// to make us ask as often.
    fn renew(&self) -> Option<Renewal>;

    /// Whether asking worked the last time. If not, a token that names an unknown key may be good for all we know: it
    /// gets a 503, not a 401.
    fn is_current(&self) -> bool {
        true
    }
}

/// Ends when a [`KeySource`] has asked for newer keys.
pub type Renewal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the keys of one issuer are.
#[derive(Clone, Debug)]
pub(in crate::authn) enum Keys {
    Fixed(Arc<KeySet>),
    Live(Arc<dyn KeySource>),
}

impl Keys {
    pub(in crate::authn) fn current(&self) -> Option<Arc<KeySet>> {
        match self {
            Self::Fixed(keys) => Some(Arc::clone(keys)),
            Self::Live(source) => source.current(),
        }
    }

    /// The number of the set in force.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Fixed(keys) => Some(keys.number()),
            Self::Live(source) => source.current().map(|keys| keys.number()),
        }
    }

    pub(super) fn is_current(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Live(source) => source.is_current(),
        }
    }

    pub(super) const fn may_renew(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    pub(in crate::authn) fn renew(&self) -> Option<Renewal> {
        match self {
            Self::Fixed(_) => None,
            Self::Live(source) => source.renew(),
        }
    }
}

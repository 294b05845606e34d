use std::time::Duration;

use subtle::{Choice, ConditionallySelectable};

use super::transport::PerTransport;
use super::{AddKeyError, AppKey};
use crate::authn::issued_key::{Holder, KeyId, SecretHash, Untimely};
use crate::config::{ConfigError, Problems};
use crate::principal::Principal;

/// An app: a principal of its own, with several keys that are good at the same time.
#[derive(Clone, Debug)]
pub struct App {
    holder: Holder,
    keys: Vec<HeldKey>,
    max_keys: usize,
    keyless: Option<PerTransport<Principal>>,
    suspended: bool,
}

/// A key, with the principals made once for all requests that show it.
#[derive(Clone, Debug)]
struct HeldKey {
    key: AppKey,
    principals: PerTransport<Principal>,
}

impl App {
    /// The most characters an id can have.
    pub const MAX_ID_LEN: usize = 64;

    /// Keys that an app may hold unless it was built otherwise.
    pub const DEFAULT_MAX_KEYS: usize = 5;

    /// Starts an app without keys, which cannot be authenticated. The holder's subject is the app's id: at most 64
    /// letters, digits and `-`, `.`, `_`, `~`.
    pub const fn builder(holder: Holder) -> AppBuilder {
        AppBuilder {
            holder,
            keys: Vec::new(),
            max_keys: Self::DEFAULT_MAX_KEYS,
            keyless: None,
            suspended: false,
        }
    }

    /// The public id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.holder.subject()
    }

    /// The ids of the keys held.
    pub fn key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|held| held.key.id())
    }

    /// Whether the app is refused for the time being, whatever its keys.
    #[must_use]
    pub const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Whether the app's id alone is enough.
    #[must_use]
    pub const fn is_insecure_keyless(&self) -> bool {
        self.keyless.is_some()
    }

    /// Adds a key, in place of the one with the same id.
    ///
    /// # Errors
    ///
    /// If the app holds as many as it may.
    pub fn add_key(&mut self, key: AppKey) -> Result<(), AddKeyError> {
        let principals = PerTransport::of(&self.holder, key.validity.expires_at);
        let held = HeldKey { key, principals };
        if let Some(same) = self.keys.iter_mut().find(|held| held.key.id() == key.id()) {
            *same = held;
        } else if self.keys.len() >= self.max_keys {
            return Err(AddKeyError::TooManyKeys { limit: self.max_keys });
        } else {
            self.keys.push(held);
        }
        Ok(())
    }

    /// Removes a key; says whether there was one.
    pub fn revoke_key(&mut self, id: KeyId) -> bool {
        let before = self.keys.len();
        self.keys.retain(|held| held.key.id() != id);
        self.keys.len() < before
    }

    /// Suspends the app, or lets it back in.
    pub const fn set_suspended(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    /// The principal for a request with this id and, perhaps, the hash of a key; the reason if there is none.
    ///
    /// Without an app, costs as much and refuses.
    pub(super) fn judge<'a>(
        app: Option<&'a Self>,
        presented: Option<&SecretHash>,
        now: Duration,
    ) -> Result<&'a PerTransport<Principal>, &'static str> {
        let keys = app.map_or(&[][..], |app| &app.keys);
        let found = matching(keys, presented.unwrap_or(&SecretHash::NONE));
        let app = app.ok_or("app_unknown")?;
        let principals = match (presented, found) {
            (None, _) => app.keyless.as_ref().ok_or("app_key_missing")?,
            (Some(_), None) => return Err("app_key_mismatch"),
            (Some(_), Some(held)) => match held.key.validity.at(now) {
                Ok(()) => &held.principals,
                Err(Untimely::Early) => return Err("app_key_not_yet_valid"),
                Err(Untimely::Expired) => return Err("app_key_expired"),
            },
        };
        if app.suspended { Err("app_suspended") } else { Ok(principals) }
    }
}

/// The key with this hash. Looks at every key, and at as many stand-ins as a usual app has keys fewer, so that neither
/// the number of keys nor the place of the right one shows in the time it takes.
fn matching<'k>(keys: &'k [HeldKey], presented: &SecretHash) -> Option<&'k HeldKey> {
    let mut place = u64::MAX;
    for (at, held) in (0..).zip(keys) {
        place.conditional_assign(&at, held.key.hash.is(presented));
    }
    let mut same = Choice::from(0);
    for _ in keys.len()..App::DEFAULT_MAX_KEYS {
        same |= SecretHash::NONE.is(presented);
    }
    std::hint::black_box(same);
    keys.get(usize::try_from(place).ok()?)
}

/// Builds an [`App`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct AppBuilder {
    holder: Holder,
    keys: Vec<AppKey>,
    max_keys: usize,
    keyless: Option<Vec<String>>,
    suspended: bool,
}

impl AppBuilder {
    /// Adds a key.
    pub fn key(mut self, key: AppKey) -> Self {
        self.keys.push(key);
        self
    }

    /// How many keys the app may hold; 5 unless set, 20 at most, as each request looks at all of them.
    pub const fn max_keys(mut self, limit: usize) -> Self {
        self.max_keys = limit;
        self
    }

    /// Whether the app is refused for the time being, whatever its keys.
    pub const fn suspended(mut self, suspended: bool) -> Self {
        self.suspended = suspended;
        self
    }

    /// Lets in whoever knows the app's id, which is public, without any key: nothing is authenticated.
    ///
    /// Such a request gets these scopes and no roles, whatever the holder has; only a key gives it those.
    pub fn insecure_keyless<S: Into<String>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.keyless = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// The app.
    ///
    /// # Errors
    ///
    /// If the id has not its form, the holder has an empty name, role, tenant or plan, or a scope that is none, there
    /// are more keys than allowed or two with one id, or a key is never good.
    pub fn build(self) -> Result<App, ConfigError> {
        const MOST_KEYS: usize = 20;

        let Self { holder, keys, max_keys, keyless, suspended } = self;
        let mut problems = Problems::default();
        let culprit = format!("app {:?}", holder.subject());
        if !is_app_id(holder.subject()) {
            let problem =
                "the id must be 1 to 64 letters, digits, hyphens, periods, underscores and tildes";
            problems.add(&culprit, problem);
        }
        holder.check(&mut problems);
        let reduced = keyless.map(|scopes| holder.reduced_to(scopes));
        if let Some(reduced) = &reduced {
            reduced.check(&mut problems);
        }
        if !(1..=MOST_KEYS).contains(&max_keys) {
            problems.add(&culprit, format!("may hold 1 to {MOST_KEYS} keys, not {max_keys}"));
        }
        let keyless = reduced.map(|reduced| PerTransport::of(&reduced, None));
        let mut app = App { holder, keys: Vec::new(), max_keys, keyless, suspended };
        for key in keys {
            key.validity.check(|| format!("key {} of {culprit}", key.id()), &mut problems);
            if app.key_ids().any(|id| id == key.id()) {
                problems.add(&culprit, format!("holds the key {} twice", key.id()));
            } else if let Err(error) = app.add_key(key) {
                problems.add(&culprit, error.to_string());
            }
        }
        problems.into_result().map(|()| app)
    }
}

/// Whether a text can be the id of an app: no colon, which ends the id in Basic (RFC 7617 2), and nothing to escape.
pub(super) fn is_app_id(id: &str) -> bool {
    (1..=App::MAX_ID_LEN).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

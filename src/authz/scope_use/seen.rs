use super::report::GrantUse;
use crate::authz::grants::Grants;
use crate::principal::Principal;

/// How many scopes, and how many roles, are kept of one principal: as many as [`Grants`] can note.
const MOST: usize = u64::BITS as usize;

/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 256;

/// The longest list of scopes that is kept to tell at a glance that the next is the same, in bytes.
const LONGEST_LIST: usize = 1_024;

/// What is recorded of one principal.
#[derive(Debug)]
pub(super) struct Entry {
    issuer: Box<str>,
    subject: Box<str>,
    client_id: Option<Box<str>>,
    /// The scopes of the latest credential, unless they are too many.
    latest: String,
    pub(super) last_request: u64,
    pub(super) requests: u64,
    pub(super) scopes: Seen,
    pub(super) roles: Seen,
}

impl Entry {
    pub(super) fn new(principal: &Principal) -> Self {
        Self {
            issuer: principal.issuer().into(),
            subject: principal.subject().into(),
            client_id: principal.client_id().map(Into::into),
            latest: String::new(),
            last_request: 0,
            requests: 0,
            scopes: Seen::default(),
            roles: Seen::default(),
        }
    }

    pub(super) fn is_of(&self, principal: &Principal) -> bool {
        principal.identity() == (&*self.issuer, &*self.subject)
            && principal.client_id() == self.client_id.as_deref()
    }

    /// Issuer, subject and client.
    pub(super) fn names(&self) -> (&str, &str, Option<&str>) {
        (&self.issuer, &self.subject, self.client_id.as_deref())
    }

    /// Counts one request that was admitted for these grants of the principal's.
    pub(super) fn note(&mut self, principal: &Principal, used: Grants, now: u64) {
        self.requests += 1;
        self.last_request = now;
        let scopes = principal.scopes();
        if self.latest.is_empty() || self.latest != scopes.as_str() {
            self.scopes.see(|| scopes.iter());
            self.latest.clear();
            if scopes.as_str().len() <= LONGEST_LIST {
                self.latest.push_str(scopes.as_str());
            }
        }
        self.scopes.count(used.scopes, now);
        self.roles.see(|| principal.roles());
        self.roles.count(used.roles, now);
    }
}

/// The scopes of one principal, or its roles: those of all its credentials together.
#[derive(Debug, Default)]
pub(super) struct Seen {
    grants: Vec<GrantUse>,
    /// Where in `grants` those of the latest credential are, in its order; `None` for one that is not kept.
    places: Vec<Option<u8>>,
    /// The most that one credential had beyond what is kept.
    pub(super) not_recorded: u64,
}

impl Seen {
    /// Takes note of what a credential grants.
    fn see<'n, I: Iterator<Item = &'n str>>(&mut self, names: impl Fn() -> I) {
        if !self.is_as_before(names()) {
            self.place(names());
        }
    }

    /// Counts a use of those at these places of the credential seen last.
    fn count(&mut self, mut used: u64, now: u64) {
        while used != 0 {
            let place = self.places.get(used.trailing_zeros() as usize).copied().flatten();
            if let Some(grant) = place.and_then(|place| self.grants.get_mut(usize::from(place))) {
                grant.requests += 1;
                grant.last_used = Some(now);
            }
            used &= used - 1;
        }
    }

    /// Whether a credential grants what the one before granted, in the same order. Most do.
    fn is_as_before<'n>(&self, names: impl Iterator<Item = &'n str>) -> bool {
        let mut places = self.places.iter();
        let same = names.take(MOST).all(|name| {
            let place = places.next().copied().flatten();
            place.is_some_and(|place| *self.grants[usize::from(place)].name == *name)
        });
        same && places.next().is_none()
    }

    fn place<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.places.clear();
        let mut not_recorded = 0;
        for name in names {
            let place = if self.places.len() < MOST { self.place_of(name) } else { None };
            not_recorded += u64::from(place.is_none());
            if self.places.len() < MOST {
                self.places.push(place);
            }
        }
        self.not_recorded = self.not_recorded.max(not_recorded);
    }

    fn place_of(&mut self, name: &str) -> Option<u8> {
        let known = self.grants.iter().position(|grant| *grant.name == *name);
        let place = known.or_else(|| {
            (self.grants.len() < MOST && name.len() <= LONGEST_NAME).then(|| {
                self.grants.push(GrantUse { name: name.into(), requests: 0, last_used: None });
                self.grants.len() - 1
            })
        });
        place.and_then(|place| u8::try_from(place).ok())
    }

    /// All of them, by name.
    pub(super) fn by_name(&self) -> Vec<GrantUse> {
        let mut grants = self.grants.clone();
        grants.sort_by(|one, other| one.name.cmp(&other.name));
        grants
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noted(seen: &mut Seen, list: &[&str], used: u64, now: u64) {
        seen.see(|| list.iter().copied());
        seen.count(used, now);
    }

    fn text(seen: &Seen) -> String {
        let grants = seen.by_name();
        let each =
            grants.iter().map(|it| format!("{} {} {:?}", it.name, it.requests, it.last_used));
        each.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn places_of_one_credential_are_not_taken_for_those_of_another() {
        let mut seen = Seen::default();
        noted(&mut seen, &["a", "b"], 0b10, 5);
        noted(&mut seen, &["b", "a"], 0b10, 6);
        noted(&mut seen, &["b"], 0b1, 7);
        noted(&mut seen, &[], 0b1, 8); // a bit without a name counts for nobody
        noted(&mut seen, &["c", "b", "a"], 0, 9);
        assert_eq!(text(&seen), "a 1 Some(6), b 2 Some(7), c 0 None");
        assert_eq!(seen.not_recorded, 0);
    }

    #[test]
    fn ten_thousand_scopes_take_up_room_for_sixty_four() {
        let mut seen = Seen::default();
        let names: Vec<String> = (0..10_000).map(|number| format!("s{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        noted(&mut seen, &names, u64::MAX, 1);
        noted(&mut seen, &names, 0, 1);
        assert_eq!((seen.grants.len(), seen.places.len()), (64, 64));
        assert_eq!(seen.not_recorded, 10_000 - 64);

        let mut seen = Seen::default();
        noted(&mut seen, &[&"x".repeat(257), "a"], 0b11, 1);
        assert_eq!((text(&seen).as_str(), seen.not_recorded), ("a 1 Some(1)", 1));
    }

    proptest! {
        /// Whatever credentials come in whatever order, a use is counted for the name that was used.
        #[test]
        fn uses_are_counted_by_name(
            requests in proptest::collection::vec(
                (proptest::collection::btree_set("[a-h]", 0..8).prop_map(Vec::from_iter).prop_shuffle(), any::<u8>()),
                0..12,
            ),
        ) {
            let mut seen = Seen::default();
            let mut expected = std::collections::BTreeMap::<&str, u64>::new();
            for (names, used) in &requests {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                noted(&mut seen, &names, u64::from(*used), 1);
                for (place, name) in names.iter().enumerate() {
                    *expected.entry(name).or_default() += u64::from(used >> place & 1);
                }
            }
            let counted = seen.by_name();
            let counted: Vec<_> = counted.iter().map(|it| (&*it.name, it.requests)).collect();
            prop_assert_eq!(counted, Vec::from_iter(expected));
        }
    }
}

use std::fmt;

/// A set of scopes (RFC 6749 3.3): case-sensitive tokens without order.
///
/// Kept as the space-separated text that tokens carry: one allocation, and a look-up is one pass over it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scopes(String);

impl Scopes {
    /// Reads a space-separated list. Anything that is no scope token is left out: it grants nothing.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        list.split(' ').collect()
    }

    /// Whether exactly this scope is in the set. The empty text never is.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        // Two scopes with the space between them are no scope.
        !scope.contains(' ') && self.position(scope).is_some()
    }

    /// Where exactly this scope is among those granted, counted from 0. For a scope that was found to be a
    /// [token](is_scope_token) when the rules were built.
    pub(crate) fn position(&self, scope: &str) -> Option<usize> {
        // Bytes, for this runs on every request: scopes are ASCII, and so is what separates them. Each is compared where it
        // begins; where it ends matters only if it is another one.
        let (mut rest, scope) = (self.0.as_bytes(), scope.as_bytes());
        if scope.is_empty() {
            return None;
        }
        let mut position = 0;
        loop {
            if let Some(after) = rest.strip_prefix(scope)
                && matches!(after.first(), None | Some(b' '))
            {
                return Some(position);
            }
            let end = rest.iter().position(|byte| *byte == b' ')?;
            rest = &rest[end + 1..];
            position += 1;
        }
    }

    /// Whether the set grants nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in the order granted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// All of them, with a space between two.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn insert(&mut self, scope: &str) {
        if !is_scope_token(scope) || self.contains(scope) {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(scope);
    }

    pub(super) fn extend(&mut self, others: Self) {
        if self.0.is_empty() {
            *self = others;
        } else {
            others.iter().for_each(|scope| self.insert(scope));
        }
    }
}

impl<'s> FromIterator<&'s str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'s str>>(scopes: I) -> Self {
        let mut set = Self::default();
        scopes.into_iter().for_each(|scope| set.insert(scope));
        set
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// `scope-token` of RFC 6749 3.3: visible ASCII without `"` and `\`, at least one character.
#[must_use]
pub fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn j16_scopes_are_a_set_and_an_empty_list_grants_nothing() {
        let scopes = Scopes::parse("b a  b");
        assert_eq!(scopes.iter().collect::<Vec<_>>(), ["b", "a"]);
        assert!(Scopes::parse("").is_empty());
        assert!(Scopes::parse("   ").is_empty());
        assert!(!Scopes::parse("").contains(""));
    }

    #[test]
    fn j16_part_of_a_scope_is_not_the_scope() {
        let scopes = Scopes::parse("orders:read orders:write");
        assert!(!scopes.contains("orders"));
        assert!(!scopes.contains("orders:read orders:write"));
        assert!(!scopes.contains("orders:read "));
        assert!(!scopes.contains("orders:rea") && !scopes.contains("rders:write"));
        assert_eq!(scopes.position("orders:write"), Some(1));
        assert_eq!(Scopes::parse("ab a").position("a"), Some(1));
        assert!(!scopes.contains("Orders:Read"));
        assert!(!Scopes::parse("a\"b c\u{e9}").contains("a\"b"));
    }

    proptest! {
        #[test]
        fn scopes_survive_a_round_trip(list in proptest::collection::vec("[!#-\\[\\]-~]{1,9}", 0..9)) {
            let scopes: Scopes = list.iter().map(String::as_str).collect();
            prop_assert_eq!(&Scopes::parse(&scopes.to_string()), &scopes);
            prop_assert!(list.iter().all(|scope| scopes.contains(scope)));
        }

        #[test]
        fn any_text_parses_without_panic(text in any::<String>()) {
            prop_assert!(Scopes::parse(&text).iter().all(is_scope_token));
        }
    }
}

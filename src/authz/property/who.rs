use std::fmt;

use crate::principal::{Principal, is_scope_token};

/// Who may do something with a field. Prints itself: `scope(pii:read) or owner`.
///
/// ```
/// use tower_warden::authz::property::Who;
///
/// let who = Who::any_of([Who::scope("pii:read"), Who::all_of([Who::owner(), Who::role("customer")])]);
/// assert_eq!(who.to_string(), "scope(pii:read) or (owner and role(customer))");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Who(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    AllOf(Vec<Who>),
    AnyOf(Vec<Who>),
    Authenticated,
    Everybody,
    Nobody,
    Owner,
    Role(Box<str>),
    SameTenant,
    Scope(Box<str>),
}

/// What the object says about the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) owner: bool,
    pub(super) same_tenant: bool,
}

impl Facts {
    /// Everything that an object can say.
    pub(super) const ALL: [Self; 4] = [
        Self { owner: false, same_tenant: false },
        Self { owner: true, same_tenant: false },
        Self { owner: false, same_tenant: true },
        Self { owner: true, same_tenant: true },
    ];

    /// The place in [`Facts::ALL`].
    pub(super) fn index(self) -> usize {
        usize::from(self.owner) + 2 * usize::from(self.same_tenant)
    }
}

impl Who {
    /// Whoever got as far as the object or its route, also without credentials.
    #[must_use]
    pub const fn everybody() -> Self {
        Self(Kind::Everybody)
    }

    /// Every principal.
    #[must_use]
    pub const fn authenticated() -> Self {
        Self(Kind::Authenticated)
    }

    /// Nobody at all.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(Kind::Nobody)
    }

    /// Principals to whom exactly this scope was granted.
    #[must_use]
    pub fn scope(scope: &str) -> Self {
        Self(Kind::Scope(scope.into()))
    }

    /// Principals that hold exactly this role.
    #[must_use]
    pub fn role(role: &str) -> Self {
        Self(Kind::Role(role.into()))
    }

    /// The principal that the object names as its [`Owner`](super::Owner).
    #[must_use]
    pub const fn owner() -> Self {
        Self(Kind::Owner)
    }

    /// Principals of the tenant that the object names.
    #[must_use]
    pub const fn same_tenant() -> Self {
        Self(Kind::SameTenant)
    }

    /// Those to whom all of these apply.
    #[must_use]
    pub fn all_of(who: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(who, Kind::AllOf)
    }

    /// Those to whom at least one of these applies.
    #[must_use]
    pub fn any_of(who: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(who, Kind::AnyOf)
    }

    fn joined(who: impl IntoIterator<Item = Self>, join: fn(Vec<Self>) -> Kind) -> Self {
        match <[Self; 1]>::try_from(who.into_iter().collect::<Vec<_>>()) {
            Ok([only]) => only,
            Err(who) => Self(join(who)),
        }
    }

    pub(super) fn includes(&self, caller: Option<&Principal>, facts: Facts) -> bool {
        match &self.0 {
            // Without a part it would include everybody; it cannot be built either.
            Kind::AllOf(parts) => {
                !parts.is_empty() && parts.iter().all(|who| who.includes(caller, facts))
            }
            Kind::AnyOf(parts) => parts.iter().any(|who| who.includes(caller, facts)),
            Kind::Authenticated => caller.is_some(),
            Kind::Everybody => true,
            Kind::Nobody => false,
            Kind::Owner => caller.is_some() && facts.owner,
            Kind::Role(role) => caller.is_some_and(|caller| caller.has_role(role)),
            Kind::SameTenant => caller.is_some() && facts.same_tenant,
            Kind::Scope(scope) => caller.is_some_and(|caller| caller.has_scope(scope)),
        }
    }

    pub(super) fn is_nobody(&self) -> bool {
        self.0 == Kind::Nobody
    }

    pub(super) fn is_everybody(&self) -> bool {
        self.0 == Kind::Everybody
    }

    pub(super) fn asks_for_owner(&self) -> bool {
        self.has_part(&|kind| *kind == Kind::Owner)
    }

    pub(super) fn asks_for_tenant(&self) -> bool {
        self.has_part(&|kind| *kind == Kind::SameTenant)
    }

    pub(super) fn depends_on_object(&self) -> bool {
        self.asks_for_owner() || self.asks_for_tenant()
    }

    /// Whether nobody is included without a scope or a role that somebody has to grant.
    pub(super) fn demands_a_grant(&self) -> bool {
        match &self.0 {
            Kind::AllOf(parts) => parts.iter().any(Self::demands_a_grant),
            Kind::AnyOf(parts) => parts.iter().all(Self::demands_a_grant),
            Kind::Nobody | Kind::Role(_) | Kind::Scope(_) => true,
            Kind::Authenticated | Kind::Everybody | Kind::Owner | Kind::SameTenant => false,
        }
    }

    fn has_part(&self, is_wanted: &impl Fn(&Kind) -> bool) -> bool {
        match &self.0 {
            Kind::AllOf(parts) | Kind::AnyOf(parts) => {
                parts.iter().any(|who| who.has_part(is_wanted))
            }
            kind => is_wanted(kind),
        }
    }

    pub(super) fn find_problems(&self, tell: &mut impl FnMut(String)) {
        match &self.0 {
            Kind::AllOf(parts) | Kind::AnyOf(parts) => {
                if parts.is_empty() {
                    tell("`all_of` or `any_of` without a part inside".into());
                }
                parts.iter().for_each(|who| who.find_problems(tell));
            }
            Kind::Scope(scope) if !is_scope_token(scope) => {
                tell(format!("`{self}` is not a scope token (RFC 6749 3.3)"));
            }
            Kind::Role(role) if role.trim().is_empty() => tell(format!("`{self}` names no role")),
            _ => {}
        }
    }

    /// Several parts side by side, each in parentheses where it has several parts itself.
    fn fmt_joined(parts: &[Self], word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, who) in parts.iter().enumerate() {
            if index > 0 {
                write!(f, " {word} ")?;
            }
            match who.0 {
                Kind::AllOf(_) | Kind::AnyOf(_) => write!(f, "({who})")?,
                _ => write!(f, "{who}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::AllOf(parts) => Self::fmt_joined(parts, "and", f),
            Kind::AnyOf(parts) => Self::fmt_joined(parts, "or", f),
            Kind::Authenticated => f.write_str("authenticated"),
            Kind::Everybody => f.write_str("everybody"),
            Kind::Nobody => f.write_str("nobody"),
            Kind::Owner => f.write_str("owner"),
            Kind::Role(role) => write!(f, "role({role})"),
            Kind::SameTenant => f.write_str("same tenant"),
            Kind::Scope(scope) => write!(f, "scope({scope})"),
        }
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Who({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::PrincipalKind;

    #[test]
    fn z11_who_is_included_depends_on_grants_and_on_the_object() {
        let ada =
            Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
        let ada = ada.scope("a").role("r").build();
        let facts = |owner, same_tenant| Facts { owner, same_tenant };
        let (none, all) = (facts(false, false), facts(true, true));
        for (who, text, anonymous, by_none, by_owner, by_all) in [
            (Who::everybody(), "everybody", true, true, true, true),
            (Who::authenticated(), "authenticated", false, true, true, true),
            (Who::nobody(), "nobody", false, false, false, false),
            (Who::scope("a"), "scope(a)", false, true, true, true),
            (Who::scope("A"), "scope(A)", false, false, false, false),
            (Who::role("r"), "role(r)", false, true, true, true),
            (Who::role(""), "role()", false, false, false, false),
            (Who::owner(), "owner", false, false, true, true),
            (Who::same_tenant(), "same tenant", false, false, false, true),
            (Who::all_of([]), "", false, false, false, false),
            (Who::any_of([]), "", false, false, false, false),
            (
                Who::any_of([Who::role("x"), Who::owner()]),
                "role(x) or owner",
                false,
                false,
                true,
                true,
            ),
            (
                Who::all_of([Who::role("r"), Who::same_tenant()]),
                "role(r) and same tenant",
                false,
                false,
                false,
                true,
            ),
        ] {
            assert_eq!(who.to_string(), text);
            assert_eq!(who.includes(None, all), anonymous, "{who}");
            assert_eq!(who.includes(Some(&ada), none), by_none, "{who}");
            assert_eq!(who.includes(Some(&ada), facts(true, false)), by_owner, "{who}");
            assert_eq!(who.includes(Some(&ada), all), by_all, "{who}");
        }
    }

    #[test]
    fn facts_are_found_by_their_index() {
        assert!(Facts::ALL.iter().enumerate().all(|(index, facts)| facts.index() == index));
    }

    #[test]
    fn z12_only_scopes_and_roles_are_grants() {
        let scope = || Who::scope("a");
        for who in [Who::nobody(), scope(), Who::role("r"), Who::all_of([scope(), Who::owner()])] {
            assert!(who.demands_a_grant(), "{who}");
        }
        for who in [
            Who::everybody(),
            Who::authenticated(),
            Who::owner(),
            Who::same_tenant(),
            Who::any_of([scope(), Who::owner()]),
            Who::all_of([Who::owner(), Who::authenticated()]),
        ] {
            assert!(!who.demands_a_grant(), "{who}");
        }
    }
}

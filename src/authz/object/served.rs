use std::any::{TypeId, type_name};
use std::fmt;

use super::{Action, ActionKind};

/// What a route gives its callers access to, as its rule declares.
#[derive(Clone, Copy)]
pub struct Served {
    type_id: TypeId,
    type_name: &'static str,
    many: bool,
    trusts_constraint: bool,
    action: Option<ActionKind>,
}

impl Served {
    pub(in crate::authz) fn one<T: 'static>() -> Self {
        Self {
            type_id: TypeId::of::<T>(),
            type_name: type_name::<T>(),
            many: false,
            trusts_constraint: false,
            action: None,
        }
    }

    pub(in crate::authz) fn list<T: 'static>() -> Self {
        Self { many: true, ..Self::one::<T>() }
    }

    pub(in crate::authz) fn by<A: Action>(self) -> Self {
        Self { action: Some(ActionKind::of::<A>()), ..self }
    }

    pub(in crate::authz) const fn by_proved_constraint(self) -> Self {
        Self { trusts_constraint: self.many, ..self }
    }

    /// Whether it is objects of this type.
    #[must_use]
    pub fn is<T: 'static>(&self) -> bool {
        self.type_id == TypeId::of::<T>()
    }

    /// Whether it is a list, each item of which is to be checked.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        self.many
    }

    /// Whether it is a list for which a constrained query is enough, whatever it finds.
    #[must_use]
    pub const fn trusts_constraint(&self) -> bool {
        self.trusts_constraint
    }

    /// The action that is to be permitted; `None` for any.
    #[must_use]
    pub const fn action(&self) -> Option<ActionKind> {
        self.action
    }

    /// Whether a check of this action on such an object is one that is demanded.
    pub(super) fn demands(&self, type_id: TypeId, action: ActionKind) -> bool {
        type_id == self.type_id && self.action.is_none_or(|demanded| demanded.id == action.id)
    }

    pub(in crate::authz) const fn type_id(&self) -> TypeId {
        self.type_id
    }
}

/// Such as `Order`, `list of Order` or `Order by delete`; the type without its path.
impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.type_name.split('<').next().unwrap_or_default();
        let short = plain.rsplit("::").next().unwrap_or(plain);
        write!(f, "{}{short}", if self.many { "list of " } else { "" })?;
        self.action.map_or(Ok(()), |action| write!(f, " by {action}"))?;
        f.write_str(if self.trusts_constraint { " by proved constraint" } else { "" })
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

use std::any::TypeId;
use std::fmt;

/// Something that is done to an object, as a type: a [`Permit`](super::Permit) for one action is no permit for another.
///
/// ```
/// use tower_warden::authz::object::Action;
///
/// #[derive(Clone, Copy, Debug)]
/// struct Approve;
///
/// impl Action for Approve {
///     const NAME: &'static str = "approve";
/// }
/// ```
pub trait Action: Copy + Send + Sync + 'static {
    /// The action's name in logs and inventories.
    const NAME: &'static str;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[expect(clippy::exhaustive_structs, reason = "a name that is a value too; there is nothing to add to it")]
        pub struct $action;

        impl Action for $action {
            const NAME: &'static str = $name;
        }
    )*};
}

actions! {
    /// An object that does not exist yet is made.
    Create = "create";
    /// An object's content is given to the caller.
    Read = "read";
    /// An object is changed.
    Update = "update";
    /// An object ceases to exist.
    Delete = "delete";
}

/// Which action is asked about: what an [`ObjectPolicy`](super::ObjectPolicy) branches on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ActionKind {
    pub(super) id: TypeId,
    name: &'static str,
}

impl ActionKind {
    /// The kind of this action.
    #[must_use]
    pub fn of<A: Action>() -> Self {
        Self { id: TypeId::of::<A>(), name: A::NAME }
    }

    /// Whether it is this action. The type counts: two actions with one name are two.
    #[must_use]
    pub fn is<A: Action>(self) -> bool {
        self.id == TypeId::of::<A>()
    }

    /// The action's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

use std::error::Error;
use std::fmt;

use crate::authz::caller_id;
use crate::authz::caller_id::push_escaped;
use crate::principal::Principal;

/// What an enforcer is asked: who wants to do what to which object. Hand it the fields that the model's
/// `request_definition` has, in its order.
pub struct Ask<'a> {
    caller: &'a Principal,
    subject: String,
    object: &'a str,
    action: &'a str,
}

impl<'a> Ask<'a> {
    pub(super) fn new(caller: &'a Principal, object: &'a str, action: &'a str) -> Self {
        let (issuer, subject) = caller.identity();
        Self { caller, subject: caller_id(issuer, subject), object, action }
    }

    /// The caller's identity: `https://issuer.example|ada` (see [`caller_id`]). It always has a `|`, so no caller is called
    /// like a role or a group that has none.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The caller's own tenant.
    ///
    /// # Errors
    ///
    /// If the caller has none, which denies: an empty domain could be somebody's.
    pub fn domain(&self) -> Result<&'a str, NoTenant> {
        self.caller.tenant().filter(|tenant| !tenant.is_empty()).ok_or(NoTenant(()))
    }

    /// What the caller wants to use.
    #[must_use]
    pub const fn object(&self) -> &'a str {
        self.object
    }

    /// What the caller wants to do to it.
    #[must_use]
    pub const fn action(&self) -> &'a str {
        self.action
    }

    /// The roles that the caller's credential names, each as [`role_id`] writes it.
    ///
    /// For a model whose request has a field for them. Asking once for each role instead, and allowing what one of them is
    /// allowed, would let a role override what is denied to the caller.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        self.caller.roles().map(role_id).collect()
    }

    /// The caller, for what else a model wants to know.
    #[must_use]
    pub const fn caller(&self) -> &'a Principal {
        self.caller
    }
}

/// Object and action; the subject may be personal.
impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("object", &self.object)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// A role as a policy names it: `role:editor`. Never the text of a caller: in it `|` is written `%7C`, and `%` is `%25`.
///
/// ```
/// use tower_warden::authz::caller_id;
/// use tower_warden::authz::casbin::role_id;
///
/// assert_eq!(role_id("editor"), "role:editor");
/// assert_ne!(role_id("a|b"), caller_id("role:a", "b"));
/// ```
#[must_use]
pub fn role_id(role: &str) -> String {
    let mut text = "role:".to_owned();
    push_escaped(&mut text, role);
    text
}

/// The caller belongs to no tenant, and the model asks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTenant(());

impl fmt::Display for NoTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the caller belongs to no tenant")
    }
}

impl Error for NoTenant {}

use std::fmt;

use super::json::Value;
use crate::principal::Principal;

/// Which fields of an object name its owner.
///
/// A subject means nothing without its issuer (RFC 8725 3.8), so either the object holds both, or it is known that
/// all of its owners come from one issuer. Texts are compared as they are: a number is nobody's subject.
#[derive(Clone, Debug)]
pub struct Owner {
    pub(super) issuer: Issuer,
    pub(super) subject: Box<str>,
}

/// Where the owner's issuer is found.
#[derive(Clone, Debug)]
pub(super) enum Issuer {
    /// It is always this one.
    Always(Box<str>),
    /// In this field.
    Field(Box<str>),
}

impl Owner {
    /// The object holds the owner's issuer and subject, in these two fields.
    #[must_use]
    pub fn identity(issuer_field: &str, subject_field: &str) -> Self {
        Self { issuer: Issuer::Field(issuer_field.into()), subject: subject_field.into() }
    }

    /// The object holds the owner's subject in this field, and all owners come from `issuer`.
    #[must_use]
    pub fn subject(issuer: &str, subject_field: &str) -> Self {
        Self { issuer: Issuer::Always(issuer.into()), subject: subject_field.into() }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.issuer {
            Issuer::Always(issuer) => write!(f, "`{}` of {issuer}", self.subject),
            Issuer::Field(field) => write!(f, "`{}` of `{field}`", self.subject),
        }
    }
}

/// Places of the fields that decide whose an object is.
#[derive(Clone, Debug, Default)]
pub(super) struct Deciding {
    pub(super) owner: Option<DecidingOwner>,
    pub(super) tenant: Option<usize>,
    /// The object is a part of the one around it, and belongs to whom that belongs.
    pub(super) is_part: bool,
}

#[derive(Clone, Debug)]
pub(super) struct DecidingOwner {
    pub(super) issuer: Result<usize, Box<str>>,
    pub(super) subject: usize,
}

impl Deciding {
    pub(super) fn fields(&self) -> impl Iterator<Item = usize> {
        let issuer = self.owner.iter().filter_map(|owner| owner.issuer.as_ref().ok());
        let subject = self.owner.iter().map(|owner| &owner.subject);
        issuer.chain(subject).chain(&self.tenant).copied()
    }

    /// Whether the object names the caller as its owner; `value` gives the text of a field.
    pub(super) fn is_owner<'d>(
        &self,
        caller: &Principal,
        value: impl Fn(usize) -> Option<Value<'d>>,
    ) -> bool {
        let names = |field, own: &str| {
            let text = value(field).and_then(Value::text);
            text.is_some_and(|text| !text.is_empty() && text == own)
        };
        self.owner.as_ref().is_some_and(|owner| {
            let issuer = match &owner.issuer {
                Ok(field) => names(*field, caller.issuer()),
                Err(always) => **always == *caller.issuer(),
            };
            issuer && names(owner.subject, caller.subject())
        })
    }

    /// Whether the object names the caller's tenant.
    pub(super) fn is_same_tenant<'d>(
        &self,
        caller: &Principal,
        value: impl Fn(usize) -> Option<Value<'d>>,
    ) -> bool {
        let named = self.tenant.and_then(value).and_then(Value::text);
        named.is_some_and(|named| !named.is_empty() && caller.tenant() == Some(&*named))
    }
}

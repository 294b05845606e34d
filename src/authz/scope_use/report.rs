use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::seen::{Entry, Seen};
use crate::principal::PrincipalKind;

/// What was granted and what of it was used, as plain data. Prints itself as a table, those with most to trim first.
///
/// Times are whole seconds since the Unix epoch. Holds personal data: issuers, subjects and clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScopeUseReport {
    /// When recording began.
    pub since: u64,
    /// When the report was made.
    pub until: u64,
    /// Every grant that no admitted request needed, by principal, the most first.
    pub never_used: Vec<NeverUsed>,
    /// How many hold and use each scope, by name.
    pub scopes: Vec<GrantTotal>,
    /// How many hold and use each role, by name.
    pub roles: Vec<GrantTotal>,
    /// Every principal that is recorded, those with the most unused grants first.
    pub principals: Vec<PrincipalUse>,
    /// At least so many principals there was no room for; nothing is known of them.
    pub principals_not_recorded: u64,
    /// The admitted requests of those.
    pub requests_not_recorded: u64,
}

/// What one principal was granted and used: one identity, by way of one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PrincipalUse {
    /// Who vouches for the subject.
    pub issuer: String,
    /// The subject, unique within its issuer only.
    pub subject: String,
    /// What stands behind it: `app`, `machine` or `user`.
    #[serde(serialize_with = "kind_in_words")]
    pub kind: PrincipalKind,
    /// The OAuth client.
    pub client_id: Option<String>,
    /// How many of its requests were admitted.
    pub requests: u64,
    /// When the latest was.
    pub last_request: u64,
    /// The scopes of all of its credentials that were seen, by name.
    pub scopes: Vec<GrantUse>,
    /// Its roles, by name.
    pub roles: Vec<GrantUse>,
    /// How many scopes of one credential are not listed, at most: those beyond the first 64, or with names of more than
    /// 256 bytes. Whether they were used is not known.
    pub scopes_not_recorded: u64,
    /// The same for roles.
    pub roles_not_recorded: u64,
}

/// One scope or role of one principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GrantUse {
    /// The scope, or the role.
    pub name: String,
    /// How many requests it was needed for.
    pub requests: u64,
    /// When the latest of them was; `None` for a grant that was never used.
    pub last_used: Option<u64>,
}

/// One scope or role of everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GrantTotal {
    /// The scope, or the role.
    pub name: String,
    /// How many of the recorded principals hold it.
    pub held_by: u64,
    /// How many of them used it.
    pub used_by: u64,
}

/// What can be taken from one principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NeverUsed {
    /// Who vouches for the subject.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    /// The OAuth client.
    pub client_id: Option<String>,
    /// Scopes granted and never used, by name.
    pub scopes: Vec<String>,
    /// Roles held and never used, by name.
    pub roles: Vec<String>,
}

impl ScopeUseReport {
    pub(super) fn new(
        since: u64,
        until: u64,
        mut principals: Vec<PrincipalUse>,
        (principals_not_recorded, requests_not_recorded): (u64, u64),
    ) -> Self {
        principals.sort_by_cached_key(|principal| {
            let names = (&principal.issuer, &principal.subject, &principal.client_id);
            (std::cmp::Reverse(principal.count_of_never_used()), format!("{names:?}"))
        });
        let never_used = principals.iter().filter(|it| it.count_of_never_used() > 0);
        Self {
            since,
            until,
            never_used: never_used.map(NeverUsed::by).collect(),
            scopes: GrantTotal::of(principals.iter().map(|principal| &*principal.scopes)),
            roles: GrantTotal::of(principals.iter().map(|principal| &*principal.roles)),
            principals,
            principals_not_recorded,
            requests_not_recorded,
        }
    }
}

impl PrincipalUse {
    pub(super) fn new(kind: PrincipalKind, entry: &Entry) -> Self {
        let (issuer, subject, client_id) = entry.names();
        let Entry { requests, last_request, .. } = *entry;
        let listed = |seen: &Seen| (seen.by_name(), seen.not_recorded);
        let (scopes, scopes_not_recorded) = listed(&entry.scopes);
        let (roles, roles_not_recorded) = listed(&entry.roles);
        Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            kind,
            client_id: client_id.map(str::to_owned),
            requests,
            last_request,
            scopes,
            roles,
            scopes_not_recorded,
            roles_not_recorded,
        }
    }

    fn count_of_never_used(&self) -> usize {
        self.scopes.iter().chain(&self.roles).filter(|grant| grant.is_unused()).count()
    }
}

impl GrantUse {
    pub(super) const fn is_unused(&self) -> bool {
        self.last_used.is_none()
    }
}

impl GrantTotal {
    fn of<'p>(principals: impl Iterator<Item = &'p [GrantUse]>) -> Vec<Self> {
        let mut totals = BTreeMap::<&str, (u64, u64)>::new();
        for grant in principals.flatten() {
            let (held_by, used_by) = totals.entry(&grant.name).or_default();
            *held_by += 1;
            *used_by += u64::from(!grant.is_unused());
        }
        let total = |(name, (held_by, used_by)): (&str, _)| Self {
            name: name.to_owned(),
            held_by,
            used_by,
        };
        totals.into_iter().map(total).collect()
    }
}

impl NeverUsed {
    fn by(principal: &PrincipalUse) -> Self {
        let unused = |grants: &[GrantUse]| {
            grants
                .iter()
                .filter(|grant| grant.is_unused())
                .map(|grant| grant.name.clone())
                .collect()
        };
        Self {
            issuer: principal.issuer.clone(),
            subject: principal.subject.clone(),
            client_id: principal.client_id.clone(),
            scopes: unused(&principal.scopes),
            roles: unused(&principal.roles),
        }
    }
}

pub(super) const fn in_words(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::App => "app",
        PrincipalKind::Machine => "machine",
        PrincipalKind::User => "user",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn kind_in_words<S: Serializer>(kind: &PrincipalKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(in_words(*kind))
}

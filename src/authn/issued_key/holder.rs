use std::sync::Arc;
use std::time::Duration;

use crate::config::Problems;
use crate::principal::{Principal, PrincipalKind, Scopes, is_scope_token};

/// Who a key speaks for, and what it may do.
///
/// Nothing is granted unless it is said: a holder without scopes passes no rule that asks for one. A key identifies a
/// client, not a person; for people there are tokens.
#[derive(Clone, Debug)]
#[must_use]
pub struct Holder {
    issuer: Option<Arc<str>>,
    subject: String,
    scopes: Vec<String>,
    roles: Vec<String>,
    tenant: Option<String>,
    plan: Option<String>,
}

impl Holder {
    /// The holder of this name: the owner of an API key, the id of an app.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            issuer: None,
            subject: subject.into(),
            scopes: Vec::new(),
            roles: Vec::new(),
            tenant: None,
            plan: None,
        }
    }

    /// Names who vouches for the subject: [`Principal::issuer`]. Without it, `api-key` or `app-key`.
    ///
    /// Two stores whose subjects were named independently of each other need two issuers.
    pub fn issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Grants one scope.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Gives one role.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Sets the tenant.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the plan.
    pub fn plan(mut self, plan: impl Into<String>) -> Self {
        self.plan = Some(plan.into());
        self
    }

    pub(in crate::authn) fn subject(&self) -> &str {
        &self.subject
    }

    /// The same holder, with these scopes and no roles.
    pub(in crate::authn) fn reduced_to(&self, scopes: Vec<String>) -> Self {
        Self { scopes, roles: Vec::new(), ..self.clone() }
    }

    /// An empty name would make strangers equal, and a scope that is none would silently grant nothing.
    pub(in crate::authn) fn check(&self, problems: &mut Problems) {
        let named = [
            ("issuer", self.issuer.as_deref()),
            ("subject", Some(self.subject.as_str())),
            ("tenant", self.tenant.as_deref()),
            ("plan", self.plan.as_deref()),
        ];
        let roles = self.roles.iter().map(|role| ("role", Some(role.as_str())));
        for (what, value) in named.into_iter().chain(roles) {
            if value.is_some_and(str::is_empty) {
                problems.add(format!("{what} of key holder {:?}", self.subject), "is empty");
            }
        }
        for scope in self.scopes.iter().filter(|scope| !is_scope_token(scope)) {
            let culprit = format!("scope {scope:?} of key holder {:?}", self.subject);
            problems.add(culprit, "is no scope token (RFC 6749 3.3)");
        }
    }

    /// The principal, made once for all requests.
    pub(in crate::authn) fn principal(
        &self,
        kind: PrincipalKind,
        scheme: &'static str,
        default_issuer: &str,
        client_id: &str,
        expires_at: Option<Duration>,
    ) -> Principal {
        let issuer = self.issuer.clone().unwrap_or_else(|| default_issuer.into());
        let mut principal = Principal::builder(issuer, self.subject.clone(), kind, scheme)
            .scopes(self.scopes.iter().map(String::as_str).collect::<Scopes>())
            .client_id(client_id);
        for role in &self.roles {
            principal = principal.role(role.clone());
        }
        if let Some(tenant) = &self.tenant {
            principal = principal.tenant(tenant.clone());
        }
        if let Some(plan) = &self.plan {
            principal = principal.plan(plan.clone());
        }
        if let Some(at) = expires_at {
            principal = principal.expires_at(at);
        }
        principal.build()
    }
}

//! Who a request speaks for, after authentication.
//!
//! A [`Principal`] is made by an authenticator and read by policies, limiters and handlers. Its identity is always the
//! pair of issuer and subject: a subject alone means nothing across issuers (RFC 8725 3.8).
//!
//! ```
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").scope("orders:read").build();
//! assert!(ada.has_scope("orders:read"));
//! assert!(!ada.has_scope("orders:write")); // not granted
//! assert!(!ada.has_scope("")); // nobody has the empty scope
//! ```

mod claims;
mod confirmation;
mod scopes;
mod verified_claims;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::Extensions;
use serde_json::{Map, Value};

pub use self::claims::ClaimsError;
pub use self::confirmation::Confirmation;
pub use self::scopes::{Scopes, is_scope_token};
#[cfg(feature = "jwt")]
use self::verified_claims::ReadClaims;
use self::verified_claims::VerifiedClaims;
use crate::rejection::Arrival;

/// What stands behind a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrincipalKind {
    /// An application with an id and keys of its own.
    App,
    /// A service that speaks for itself: client credentials, an API key.
    Machine,
    /// A person, possibly through a client.
    User,
}

/// How and when a person was authenticated (OpenID Connect Core 2, RFC 9470).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assurance {
    /// Authentication context class reference, `acr`.
    pub acr: Option<String>,
    /// Authentication methods, `amr`.
    pub amr: Vec<String>,
    /// When the person was authenticated, since the Unix epoch: `auth_time`.
    pub auth_time: Option<Duration>,
}

/// Who a request speaks for. Cheap to clone.
///
/// Handlers find it with [`of`](Self::of), or take it with the axum extractor. Behind a [`Warden`](crate::Warden) it is no
/// extension of this type: `extensions().get::<Principal>()` finds nobody there, whoever speaks.
#[derive(Clone, PartialEq)]
pub struct Principal(Arc<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    issuer: Arc<str>,
    subject: Box<str>,
    identity_hash: u64,
    kind: PrincipalKind,
    scheme: &'static str,
    scopes: Scopes,
    roles: Vec<String>,
    tenant: Option<Box<str>>,
    client_id: Option<Box<str>>,
    expires_at: Option<Duration>,
    claims: VerifiedClaims,
    more: Option<Box<More>>,
}

/// What few principals have, kept apart so that the others stay small: there is one for every remembered token.
#[derive(Clone, Default, PartialEq)]
struct More {
    plan: Option<String>,
    assurance: Assurance,
    confirmation: Confirmation,
}

/// How nobody in particular was authenticated.
static UNKNOWN: Assurance = Assurance { acr: None, amr: Vec::new(), auth_time: None };

/// Hashes with a secret of this process, so that nobody can choose two identities of one hash.
fn hash_identity(issuer: &str, subject: &str) -> u64 {
    static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

    SECRET.hash_one((issuer, subject))
}

impl Principal {
    /// Starts a principal; `scheme` is the authentication scheme that was used, as in its challenge.
    pub fn builder(
        issuer: impl Into<Arc<str>>,
        subject: impl Into<String>,
        kind: PrincipalKind,
        scheme: &'static str,
    ) -> PrincipalBuilder {
        let (issuer, subject) = (issuer.into(), Box::from(subject.into()));
        PrincipalBuilder(Inner {
            identity_hash: hash_identity(&issuer, &subject),
            issuer,
            subject,
            kind,
            scheme,
            scopes: Scopes::default(),
            roles: Vec::new(),
            tenant: None,
            client_id: None,
            expires_at: None,
            claims: VerifiedClaims::default(),
            more: None,
        })
    }

    /// The principal that an authentication layer left in these request extensions, or a layer of your own further in, as an
    /// extension of this type.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get().or_else(|| Arrival::of(extensions)?.principal.as_ref())
    }

    /// Leaves it where [`of`](Self::of) finds it, once nobody else is there.
    pub(crate) fn leave(self, extensions: &mut Extensions) {
        match Arrival::of_mut(extensions) {
            Some(arrival) => arrival.principal = Some(self),
            None => drop(extensions.insert(self)),
        }
    }

    /// Makes the request anonymous for everybody further in, wherever its principal lies: for a layer of your own that
    /// knows better. Removing the extension of this type does not do it behind a [`Warden`](crate::Warden).
    pub fn forget(extensions: &mut Extensions) {
        extensions.remove::<Self>();
        if let Some(arrival) = Arrival::of_mut(extensions) {
            arrival.principal = None;
        }
    }

    /// Who vouches for the subject: a token's `iss`, or the name of a key store.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The subject, unique within its issuer only.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The identity: issuer and subject. Compare and store both.
    #[must_use]
    pub fn identity(&self) -> (&str, &str) {
        (self.issuer(), self.subject())
    }

    /// Stands for the identity in this process, and tells nothing of it: rate limits count by it.
    pub(crate) fn identity_hash(&self) -> u64 {
        self.0.identity_hash
    }

    /// What stands behind the principal.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.0.kind
    }

    /// The authentication scheme that was used, as in its challenge: `Bearer`, `ApiKey`, ...
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.0.scheme
    }

    /// The same principal, come by way of another scheme: a token's validator does not see which one carried it.
    #[cfg(feature = "dpop")]
    pub(crate) fn with_scheme(mut self, scheme: &'static str) -> Self {
        if self.0.scheme != scheme {
            Arc::make_mut(&mut self.0).scheme = scheme;
        }
        self
    }

    /// Whether they are one and the same, or at least equal in everything that is known of them.
    #[cfg(feature = "cedar")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }

    /// The scopes granted.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.0.scopes
    }

    /// Whether exactly this scope was granted.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.scopes.contains(scope)
    }

    /// The roles held.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.roles.iter().map(String::as_str)
    }

    /// Whether exactly this role is held.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.role_position(role).is_some()
    }

    /// Where exactly this role is among those held, counted from 0.
    pub(crate) fn role_position(&self, role: &str) -> Option<usize> {
        self.0.roles.iter().position(|held| held == role)
    }

    /// The tenant that the principal belongs to.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }

    /// The OAuth client that acts, `client_id`.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client_id.as_deref()
    }

    /// The plan that the principal is on.
    #[must_use]
    pub fn plan(&self) -> Option<&str> {
        self.0.more.as_ref()?.plan.as_deref()
    }

    /// How and when the person was authenticated.
    #[must_use]
    pub fn assurance(&self) -> &Assurance {
        self.0.more.as_ref().map_or(&UNKNOWN, |more| &more.assurance)
    }

    /// What the sender had to prove; empty for a credential that works for whoever bears it.
    #[must_use]
    pub fn confirmation(&self) -> Confirmation {
        self.0.more.as_ref().map(|more| more.confirmation).unwrap_or_default()
    }

    /// When the credential expires, since the Unix epoch.
    #[must_use]
    pub fn expires_at(&self) -> Option<Duration> {
        self.0.expires_at
    }

    /// The verified claims of the token; empty for other credentials.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        self.0.claims.get()
    }

    /// What was signed of the token, as it stands there; empty for other credentials.
    #[cfg(feature = "jwt")]
    pub(crate) fn signed_text(&self) -> &[u8] {
        self.0.claims.text()
    }

    /// The verified claims of the token as a type of your own. Members that the type does not have are ignored, as serde
    /// does unless told otherwise.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tower_warden::testing::TestIssuer;
    /// use tower_warden::authn::jwt::JwtValidator;
    ///
    /// #[derive(Deserialize)]
    /// struct Staff<'c> {
    ///     department: &'c str,
    ///     level: u8,
    /// }
    ///
    /// let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
    /// let validator = JwtValidator::new(issuer.trust()?);
    /// let ada = validator.validate(&issuer.token("ada").claim("department", "looms").claim("level", 3).sign())?;
    /// let staff: Staff<'_> = ada.claims_as()?;
    /// assert_eq!((staff.department, staff.level), ("looms", 3));
    ///
    /// let eve = validator.validate(&issuer.token("eve").claim("department", 7).sign())?;
    /// assert!(eve.claims_as::<Staff<'_>>().is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the claims are not what the type needs. As a handler's answer that is 403: the token is good, and does not say
    /// what the route has to know.
    pub fn claims_as<'c, T: serde::Deserialize<'c>>(&'c self) -> Result<T, ClaimsError> {
        T::deserialize(self.claims()).map_err(|_| ClaimsError::of::<T>())
    }
}

/// Identity and scheme; never claims, which may hold personal data.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .field("kind", &self.kind())
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}

/// Builds a [`Principal`]: for authenticators, and for tests of handlers.
#[derive(Clone)]
#[must_use = "a builder makes nothing until `build`"]
pub struct PrincipalBuilder(Inner);

impl PrincipalBuilder {
    /// Grants one scope.
    pub fn scope(mut self, scope: &str) -> Self {
        self.0.scopes.insert(scope);
        self
    }

    /// Grants these scopes, beside those granted before.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.0.scopes.extend(scopes);
        self
    }

    /// Gives one role.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.0.roles.push(role.into());
        self
    }

    /// Sets the tenant. An empty name is none: what belongs to no tenant is not everybody's who has none either.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.0.tenant = Some(tenant.into()).filter(|tenant| !tenant.is_empty()).map(Into::into);
        self
    }

    /// Sets the OAuth client.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.0.client_id = Some(client_id.into().into());
        self
    }

    /// Sets the plan.
    pub fn plan(mut self, plan: impl Into<String>) -> Self {
        self.more().plan = Some(plan.into());
        self
    }

    /// Sets how and when the person was authenticated.
    pub fn assurance(mut self, assurance: Assurance) -> Self {
        if assurance != UNKNOWN {
            self.more().assurance = assurance;
        }
        self
    }

    /// Sets what the sender has to prove.
    pub fn confirmation(mut self, confirmation: Confirmation) -> Self {
        if !confirmation.is_empty() {
            self.more().confirmation = confirmation;
        }
        self
    }

    /// Sets when the credential expires, since the Unix epoch.
    pub const fn expires_at(mut self, at: Duration) -> Self {
        self.0.expires_at = Some(at);
        self
    }

    /// Sets the verified claims.
    pub fn claims(mut self, claims: Map<String, Value>) -> Self {
        self.0.claims = VerifiedClaims::of_map(claims);
        self
    }

    /// Sets the verified claims, as what was signed of a token in which `reader` found them good.
    #[cfg(feature = "jwt")]
    pub(crate) fn signed_text(mut self, text: &[u8], reader: ReadClaims) -> Self {
        self.0.claims = VerifiedClaims::of_text(text.into(), reader);
        self
    }

    fn more(&mut self) -> &mut More {
        self.0.more.get_or_insert_default()
    }

    /// The principal.
    #[must_use]
    pub fn build(self) -> Principal {
        Principal(Arc::new(self.0))
    }
}

impl fmt::Debug for PrincipalBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalBuilder").field("subject", &self.0.subject).finish_non_exhaustive()
    }
}

//! The claims of a token that somebody vouches for, with a signature or in an introspection response: the checks, and the
//! principal they make.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::{Json, Members};
use super::{Issuer, TokenError};
use crate::principal::{
    Assurance, Confirmation, Principal, PrincipalBuilder, PrincipalKind, Scopes,
};

/// The end of the year 9999, in seconds since the Unix epoch. No honest token lives longer.
const LATEST: f64 = 253_402_300_799.0;

/// What is expected of claims, and how they are read.
#[derive(Clone, Copy, Debug)]
pub(in crate::authn) struct Expectations<'e> {
    pub(in crate::authn) issuer: &'e Arc<str>,
    /// One of these has to be in `aud`; `None` where any audience will do, and none.
    pub(in crate::authn) audiences: Option<&'e [String]>,
    pub(in crate::authn) leeway: Duration,
    pub(in crate::authn) max_age: Option<Duration>,
    pub(in crate::authn) profile: Profile,
    pub(in crate::authn) roles_claim: &'e str,
    pub(in crate::authn) tenant_claim: &'e str,
}

/// Which claims have to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authn) enum Profile {
    /// Those of an access token that says it is one (RFC 9068 2.2).
    AccessToken,
    /// Those of an introspection response, where all are optional (RFC 7662 2.2). Who speaks must still be known: where
    /// `client_as_subject` is set, a client speaks for itself when nobody else is named.
    Introspected { client_as_subject: bool },
    /// Those of what an issuer signed to tell us something, which nobody speaks with (RFC 9701 5).
    #[cfg_attr(
        not(feature = "introspection"),
        expect(dead_code, reason = "only introspection needs it")
    )]
    Message,
    /// Those of any signed token.
    Signed,
}

impl<'e> From<&'e Issuer> for Expectations<'e> {
    fn from(issuer: &'e Issuer) -> Self {
        Self {
            issuer: &issuer.name,
            audiences: Some(&issuer.audiences),
            leeway: issuer.leeway,
            max_age: issuer.max_age,
            profile: if issuer.access_tokens_only { Profile::AccessToken } else { Profile::Signed },
            roles_claim: &issuer.roles_claim,
            tenant_claim: &issuer.tenant_claim,
        }
    }
}

/// Claims that were found good: the principal that they make, but for the claims themselves, and the times between which
/// they are good.
#[derive(Clone, Debug)]
pub(in crate::authn) struct Checked {
    pub(in crate::authn) principal: PrincipalBuilder,
    pub(in crate::authn) times: Times,
}

/// Between which times a token is good.
#[derive(Clone, Copy, Debug)]
pub(in crate::authn) struct Times {
    pub(in crate::authn) expires_at: Option<Duration>,
    not_before: Option<Duration>,
    issued_at: Option<Duration>,
    leeway: Duration,
    max_age: Option<Duration>,
}

/// Checks the claims of a token that the expected issuer vouches for, and starts the principal.
pub(in crate::authn) fn check(
    claims: &Members<'_>,
    expected: Expectations<'_>,
    now: Duration,
    scheme: &'static str,
) -> Result<Checked, TokenError> {
    let times = check_bounds(claims, expected, now)?;
    let confirmation = confirmation(claims)?;
    // A token that is bound to a key is carried by no other scheme (RFC 9449 7.2).
    let scheme = if confirmation.jwk_thumbprint.is_some() { "DPoP" } else { scheme };
    let client_id = text(claims, "client_id")?;
    let may_be_client = expected.profile == Profile::Introspected { client_as_subject: true };
    let subject = match text(claims, "sub")? {
        None if may_be_client => client_id,
        named => named,
    };
    let subject =
        subject.filter(|subject| !subject.is_empty()).ok_or(TokenError::SubjectMissing)?;
    let is_complete = || Ok(client_id.is_some() && text(claims, "jti")?.is_some());
    if expected.profile == Profile::AccessToken && !is_complete()? {
        return Err(TokenError::ClaimMalformed);
    }
    // A client that speaks for itself must not pass as a user (RFC 9700 4.15).
    let kind =
        if client_id == Some(subject) { PrincipalKind::Machine } else { PrincipalKind::User };
    let mut builder = Principal::builder(Arc::clone(expected.issuer), subject, kind, scheme)
        .confirmation(confirmation)
        .scopes(scopes(claims)?)
        .assurance(assurance(claims)?);
    if let Some(expires_at) = times.expires_at {
        builder = builder.expires_at(expires_at);
    }
    if let Some(client_id) = client_id {
        builder = builder.client_id(client_id);
    }
    if let Some(tenant) = text(claims, expected.tenant_claim)? {
        builder = builder.tenant(tenant);
    }
    builder =
        strings(claims, expected.roles_claim)?.into_iter().fold(builder, PrincipalBuilder::role);
    Ok(Checked { principal: builder, times })
}

/// Checks who vouches for whom, and when: `iss`, `aud`, `exp`, `nbf`, `iat`.
pub(in crate::authn) fn check_bounds(
    claims: &Members<'_>,
    expected: Expectations<'_>,
    now: Duration,
) -> Result<Times, TokenError> {
    check_issuer(claims, expected)?;
    check_audience(claims, expected)?;
    let times = Times::read(claims, expected)?;
    times.check(now)?;
    Ok(times)
}

/// An introspection response need not name the issuer; if it does, it has to be the one that was asked.
fn check_issuer(claims: &Members<'_>, expected: Expectations<'_>) -> Result<(), TokenError> {
    let good = match (claims.get("iss"), expected.profile) {
        (None, Profile::Introspected { .. }) => true,
        (named, _) => named.and_then(Json::as_str) == Some(&**expected.issuer),
    };
    if good { Ok(()) } else { Err(TokenError::Issuer) }
}

/// The proofs that `cnf` demands (RFC 7800 3, RFC 9449 6.1, RFC 8705 3.1). One that is not known cannot be checked, so
/// a token that demands it is not accepted at all.
fn confirmation(claims: &Members<'_>) -> Result<Confirmation, TokenError> {
    let mut confirmation = Confirmation::default();
    let Some(members) = claims.get("cnf") else { return Ok(confirmation) };
    let unknown = TokenError::SenderConstrained;
    for (name, value) in members.as_object().ok_or(unknown)?.iter() {
        let proof = match name {
            "jkt" => &mut confirmation.jwk_thumbprint,
            "x5t#S256" => &mut confirmation.certificate_digest,
            _ => return Err(unknown),
        };
        let mut digest = [0; 32];
        let decoded = URL_SAFE_NO_PAD.decode_slice(value.as_str().ok_or(unknown)?, &mut digest);
        *proof = (decoded == Ok(digest.len())).then_some(digest);
        if proof.is_none() {
            return Err(unknown);
        }
    }
    if confirmation.is_empty() { Err(unknown) } else { Ok(confirmation) }
}

/// What servers say of the kind of a token, and what an access token may be called there. `token_type` is that of RFC
/// 7662 2.2; Ory Hydra and Amazon Cognito have `token_use`, Keycloak has `typ`.
const KINDS: [(&str, &[&str]); 3] = [
    (
        "token_type",
        &["bearer", "dpop", "access_token", "urn:ietf:params:oauth:token-type:access_token"],
    ),
    ("token_use", &["access_token", "access"]),
    ("typ", &["bearer", "dpop", "jwt", "at+jwt", "application/at+jwt"]),
];

/// Claims that only other kinds of token have: ID tokens (OpenID Connect Core 2, 3.1.3.6, 3.3.2.11), security events and
/// logout tokens (RFC 8417 2.2), introspection responses (RFC 9701 5), DPoP proofs (RFC 9449 4.2).
const OF_OTHER_KINDS: [&str; 7] =
    ["at_hash", "c_hash", "events", "htm", "htu", "nonce", "token_introspection"];

/// Claims that access tokens have and ID tokens do not: who may do what with it, for which client (RFC 6749 3.3, RFC 9068
/// 2.2; `scp`, `cid` and `appid` at providers that are older).
const OF_ACCESS_TOKENS: [&str; 5] = ["appid", "cid", "client_id", "scope", "scp"];

/// What the claims call the token, if they call it anything.
pub(in crate::authn) fn is_called_access_token(claims: &Members<'_>) -> Option<bool> {
    let mut called = KINDS.iter().filter_map(|(name, good)| Some((claims.get(name)?, *good)));
    let is_good = |(kind, good): (&Json<'_>, &[&str])| {
        kind.as_str().is_some_and(|kind| good.iter().any(|one| one.eq_ignore_ascii_case(kind)))
    };
    let first = is_good(called.next()?);
    Some(first && called.all(is_good))
}

pub(in crate::authn) fn has_claim_of_other_kinds(claims: &Members<'_>) -> bool {
    OF_OTHER_KINDS.iter().any(|name| claims.contains_key(name))
}

/// Tells a token without a type of its own from other kinds by what it claims (RFC 8725 3.12). One that claims nothing of
/// either kind might be an ID token.
pub(super) fn check_kind(claims: &Members<'_>, issuer: &Issuer) -> Result<(), TokenError> {
    let called = is_called_access_token(claims);
    let is_marked = called.is_some() || OF_ACCESS_TOKENS.iter().any(|it| claims.contains_key(it));
    let is_other = called == Some(false) || has_claim_of_other_kinds(claims);
    if is_other || !(is_marked || issuer.unmarked_tokens) {
        Err(TokenError::MediaType)
    } else {
        Ok(())
    }
}

fn check_audience(claims: &Members<'_>, expected: Expectations<'_>) -> Result<(), TokenError> {
    let Some(own) = expected.audiences else { return Ok(()) };
    let ours = |audience: &str| own.iter().any(|own| own == audience);
    let good = match claims.get("aud") {
        Some(Json::Text(one)) => ours(one), // as most are, without a list
        _ => strings(claims, "aud")?.into_iter().any(ours),
    };
    if good { Ok(()) } else { Err(TokenError::Audience) }
}

impl Times {
    fn read(claims: &Members<'_>, expected: Expectations<'_>) -> Result<Self, TokenError> {
        let expires_at = numeric_date(claims, "exp")?;
        let may_stay_open =
            matches!(expected.profile, Profile::Introspected { .. } | Profile::Message);
        if expires_at.is_none() && !may_stay_open {
            return Err(TokenError::ExpiryMissing);
        }
        let issued_at = numeric_date(claims, "iat")?;
        let must_tell_age = expected.profile == Profile::AccessToken || expected.max_age.is_some();
        let times = Self {
            expires_at,
            not_before: numeric_date(claims, "nbf")?,
            issued_at,
            leeway: expected.leeway,
            max_age: expected.max_age,
        };
        if issued_at.is_none() && must_tell_age {
            return Err(TokenError::ClaimMalformed);
        }
        Ok(times)
    }

    /// From when, and until before when, all of them allow the token; `None` for what stays open.
    pub(super) fn span(&self) -> Option<(Duration, Duration)> {
        let Self { expires_at, not_before, issued_at, leeway, max_age } = *self;
        let too_old = issued_at.zip(max_age).map(|(at, age)| at.saturating_add(age));
        let until = too_old.into_iter().chain(expires_at).min()?.saturating_add(leeway);
        let from = not_before.max(issued_at).unwrap_or_default().saturating_sub(leeway);
        Some((from, until))
    }

    /// Checks `exp`, `nbf`, `iat` and the age. For every request, also where all the rest is known.
    pub(in crate::authn) fn check(&self, now: Duration) -> Result<(), TokenError> {
        let Self { expires_at, not_before, issued_at, leeway, max_age } = *self;
        if expires_at.is_some_and(|expires_at| now >= expires_at.saturating_add(leeway)) {
            return Err(TokenError::Expired);
        }
        let latest_start = now.saturating_add(leeway);
        if not_before.is_some_and(|not_before| not_before > latest_start) {
            return Err(TokenError::NotYetValid);
        }
        if issued_at.is_some_and(|issued_at| issued_at > latest_start) {
            return Err(TokenError::IssuedInFuture);
        }
        if let (Some(issued_at), Some(max_age)) = (issued_at, max_age)
            && now > issued_at.saturating_add(max_age).saturating_add(leeway)
        {
            return Err(TokenError::TooOld);
        }
        Ok(())
    }
}

/// Seconds since the Unix epoch, possibly with a fraction (RFC 7519 2).
pub(in crate::authn) fn numeric_date(
    claims: &Members<'_>,
    name: &str,
) -> Result<Option<Duration>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().ok_or(TokenError::ClaimMalformed)?;
    if !(0.0..=LATEST).contains(&seconds) {
        return Err(TokenError::ClaimMalformed);
    }
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| TokenError::ClaimMalformed)
}

/// `scope` as a space-separated list (RFC 9068 2.2.3), `scp` as an array or a list. Absent or empty grants nothing.
fn scopes(claims: &Members<'_>) -> Result<Scopes, TokenError> {
    if let Some(list) = text(claims, "scope")? {
        return Ok(Scopes::parse(list));
    }
    // An array's items are scopes each: an item with a space in it is no scope and grants nothing.
    match claims.get("scp") {
        Some(Json::Text(list)) => Ok(Scopes::parse(list)),
        _ => Ok(strings(claims, "scp")?.into_iter().collect()),
    }
}

fn assurance(claims: &Members<'_>) -> Result<Assurance, TokenError> {
    Ok(Assurance {
        acr: text(claims, "acr")?.map(str::to_owned),
        amr: strings(claims, "amr")?.into_iter().map(str::to_owned).collect(),
        auth_time: numeric_date(claims, "auth_time")?,
    })
}

/// A claim that is a string or absent.
pub(in crate::authn) fn text<'c>(
    claims: &'c Members<'_>,
    name: &str,
) -> Result<Option<&'c str>, TokenError> {
    claims.get(name).map(|value| value.as_str().ok_or(TokenError::ClaimMalformed)).transpose()
}

/// A claim that is a string, an array of strings, or absent.
pub(in crate::authn) fn strings<'c>(
    claims: &'c Members<'_>,
    name: &str,
) -> Result<Vec<&'c str>, TokenError> {
    match claims.get(name) {
        None => Ok(Vec::new()),
        Some(Json::Text(text)) => Ok(vec![text]),
        Some(Json::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or(TokenError::ClaimMalformed)).collect()
        }
        Some(_) => Err(TokenError::ClaimMalformed),
    }
}

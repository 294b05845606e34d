//! The claims of a token whose signature is verified: the checks, and the principal they make.

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

/// Checks the claims of a token that `issuer` signed, and starts the principal.
pub(super) fn principal(
    claims: &Members<'_>,
    issuer: &Issuer,
    now: Duration,
    scheme: &'static str,
) -> Result<(PrincipalBuilder, Validity), TokenError> {
    if claims.get("iss").and_then(Json::as_str) != Some(&*issuer.name) {
        return Err(TokenError::Issuer);
    }
    check_audience(claims, issuer)?;
    let times = check_times(claims, issuer, now)?;
    let confirmation = confirmation(claims)?;
    let subject = match text(claims, "sub")? {
        Some(subject) if !subject.is_empty() => subject,
        _ => return Err(TokenError::SubjectMissing),
    };
    let client_id = text(claims, "client_id")?;
    if issuer.access_tokens_only && (client_id.is_none() || text(claims, "jti")?.is_none()) {
        return Err(TokenError::ClaimMalformed);
    }
    // A client that speaks for itself must not pass as a user (RFC 9700 4.15).
    let kind =
        if client_id == Some(subject) { PrincipalKind::Machine } else { PrincipalKind::User };
    let mut builder = Principal::builder(issuer.name.clone(), subject, kind, scheme)
        .expires_at(times.expires_at)
        .confirmation(confirmation)
        .scopes(scopes(claims)?)
        .assurance(assurance(claims)?);
    if let Some(client_id) = client_id {
        builder = builder.client_id(client_id);
    }
    if let Some(tenant) = text(claims, &issuer.tenant_claim)? {
        builder = builder.tenant(tenant);
    }
    builder =
        strings(claims, &issuer.roles_claim)?.into_iter().fold(builder, PrincipalBuilder::role);
    Ok((builder, times))
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

/// Claims that only other kinds of token have: ID tokens (OpenID Connect Core 2, 3.1.3.6, 3.3.2.11), security events and
/// logout tokens (RFC 8417 2.2), introspection responses (RFC 9701 5), DPoP proofs (RFC 9449 4.2).
const OF_OTHER_KINDS: [&str; 7] =
    ["at_hash", "c_hash", "events", "htm", "htu", "nonce", "token_introspection"];

/// Tells a token without a type of its own from other kinds by what it claims (RFC 8725 3.12).
pub(super) fn check_kind(claims: &Members<'_>) -> Result<(), TokenError> {
    let other = OF_OTHER_KINDS.iter().any(|name| claims.contains_key(name));
    if other { Err(TokenError::MediaType) } else { Ok(()) }
}

fn check_audience(claims: &Members<'_>, issuer: &Issuer) -> Result<(), TokenError> {
    let ours = |audience: &str| issuer.audiences.iter().any(|own| own == audience);
    let good = match claims.get("aud") {
        Some(Json::Text(one)) => ours(one), // as most are, without a list
        _ => strings(claims, "aud")?.into_iter().any(ours),
    };
    if good { Ok(()) } else { Err(TokenError::Audience) }
}

/// When a token is good, leeway included.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    pub(super) from: Duration,
    /// The first moment when it is not any more.
    pub(super) until: Duration,
    /// What `exp` says.
    expires_at: Duration,
}

/// Checks `exp`, `nbf` and `iat`.
fn check_times(
    claims: &Members<'_>,
    issuer: &Issuer,
    now: Duration,
) -> Result<Validity, TokenError> {
    let leeway = issuer.leeway;
    let expires_at = numeric_date(claims, "exp")?.ok_or(TokenError::ExpiryMissing)?;
    let mut until = expires_at.saturating_add(leeway);
    if now >= until {
        return Err(TokenError::Expired);
    }
    let not_before = numeric_date(claims, "nbf")?;
    let latest_start = now.saturating_add(leeway);
    if not_before.is_some_and(|not_before| not_before > latest_start) {
        return Err(TokenError::NotYetValid);
    }
    let issued_at = numeric_date(claims, "iat")?;
    if issued_at.is_some_and(|issued_at| issued_at > latest_start) {
        return Err(TokenError::IssuedInFuture);
    }
    if issued_at.is_none() && (issuer.access_tokens_only || issuer.max_age.is_some()) {
        return Err(TokenError::ClaimMalformed);
    }
    if let (Some(issued_at), Some(max_age)) = (issued_at, issuer.max_age) {
        let too_old = issued_at.saturating_add(max_age).saturating_add(leeway);
        if now > too_old {
            return Err(TokenError::TooOld);
        }
        until = until.min(too_old);
    }
    let from = not_before.max(issued_at).unwrap_or_default().saturating_sub(leeway);
    Ok(Validity { from, until, expires_at })
}

/// Seconds since the Unix epoch, possibly with a fraction (RFC 7519 2).
fn numeric_date(claims: &Members<'_>, name: &str) -> Result<Option<Duration>, TokenError> {
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
fn text<'c>(claims: &'c Members<'_>, name: &str) -> Result<Option<&'c str>, TokenError> {
    claims.get(name).map(|value| value.as_str().ok_or(TokenError::ClaimMalformed)).transpose()
}

/// A claim that is a string, an array of strings, or absent.
fn strings<'c>(claims: &'c Members<'_>, name: &str) -> Result<Vec<&'c str>, TokenError> {
    match claims.get(name) {
        None => Ok(Vec::new()),
        Some(Json::Text(text)) => Ok(vec![text]),
        Some(Json::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or(TokenError::ClaimMalformed)).collect()
        }
        Some(_) => Err(TokenError::ClaimMalformed),
    }
}

//! Signed responses (RFC 9701).

use std::time::Duration;

use serde_json::Value;

use super::failure::Failure;
use super::response::Claims;
use crate::authn::jwt::claims::{Expectations, Profile, check_bounds};
use crate::authn::jwt::compact::{Compact, MediaType};
use crate::authn::jwt::json::Members;
use crate::authn::jwt::validator::check_signature;
use crate::authn::jwt::{Issuer, TokenError, json};

pub(super) const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// How long ago a response may have been signed, beside the leeway: it is the answer to a question just asked.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What the server signed about the token: the member `token_introspection`, and nothing else.
pub(super) fn open(body: &[u8], server: &Issuer, now: Duration) -> Result<Claims, SignedError> {
    let text = std::str::from_utf8(body).map_err(|_| untrusted("no compact form"))?;
    let token = Compact::split(text).map_err(|_| untrusted("no compact form"))?;
    let header = token.header().map_err(|_| untrusted("its header"))?;
    if header.media_type != Some(MediaType::Introspection) {
        return Err(untrusted("its type"));
    }
    if !server.algorithms.contains(&header.algorithm) {
        return Err(untrusted("its algorithm"));
    }
    let keys = server.keys.current().ok_or(SignedError::Keys)?;
    if keys.candidates(header.algorithm, header.key_id.as_deref()).next().is_none() {
        return Err(SignedError::Keys);
    }
    check_signature(&token, &header, &keys).map_err(|_| untrusted("its signature"))?;
    let payload = token.payload().map_err(|_| untrusted("its claims"))?;
    let mut claims = json::object(&payload).map_err(|_| untrusted("its claims"))?;
    let message = Expectations {
        profile: Profile::Message,
        max_age: Some(MAX_AGE),
        ..Expectations::from(server)
    };
    check_bounds(&Members::from(&claims), message, now).map_err(|error| {
        untrusted(match error {
            TokenError::Audience => "it is for somebody else",
            TokenError::Issuer => "it is of somebody else",
            _ => "its time",
        })
    })?;
    match claims.remove("token_introspection") {
        Some(Value::Object(members)) => Ok(members),
        _ => Err(untrusted("it says nothing of the token")),
    }
}

const fn untrusted(why: &'static str) -> SignedError {
    SignedError::Failure(Failure::Untrusted(why))
}

/// Why a signed response does not count.
#[derive(Debug)]
pub(super) enum SignedError {
    /// It is not what it has to be.
    Failure(Failure),
    /// No key at hand has its name and algorithm; newer ones may.
    Keys,
}

//! What an endpoint answered, read strictly.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::failure::Failure;
use crate::authn::jwt::claims;
use crate::authn::jwt::json::{self, Members};

/// The longest response that is read, in bytes.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// The members of a response, or of the part of it that tells about the token.
pub(super) type Claims = Map<String, Value>;

/// What the endpoint says of a token.
#[derive(Debug, PartialEq)]
pub(super) enum Standing {
    /// It is active, and this is known of it.
    Active(Claims),
    /// It is not, or was never a token (RFC 7662 2.2).
    Inactive,
}

/// The body of a response that is a good answer, of this media type.
pub(super) fn body<'r>(
    response: &'r Response<Bytes>,
    media_type: &str,
) -> Result<&'r [u8], Failure> {
    // A client of the user's own may not have kept to the limit.
    if response.body().len() > MAX_BODY {
        return Err(Failure::TooLarge);
    }
    check_status(response)?;
    if is_of(response, media_type) { Ok(response.body()) } else { Err(Failure::ContentType) }
}

/// Only 200 says something about a token. A token that is unknown or expired is no error (RFC 7662 2.2), so an error is
/// about the question: who asked, and how.
fn check_status(response: &Response<Bytes>) -> Result<(), Failure> {
    match response.status() {
        StatusCode::OK => Ok(()),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Failure::CredentialsRefused(status.as_u16()))
        }
        StatusCode::BAD_REQUEST => Err(match error_code(response.body()) {
            Some(code) if code == "invalid_client" => Failure::CredentialsRefused(400),
            code => Failure::RequestRefused(code),
        }),
        status => Err(Failure::Status(status.as_u16())),
    }
}

/// The code of an error response (RFC 6749 5.2), for the log: only what looks like one.
fn error_code(body: &[u8]) -> Option<String> {
    let members = json::object(body).ok()?;
    let code = members.get("error")?.as_str()?;
    let looks_like_one =
        code.len() <= 40 && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    looks_like_one.then(|| code.to_owned())
}

/// Whether there is one content type and it is this, parameters aside.
fn is_of(response: &Response<Bytes>, media_type: &str) -> bool {
    let mut fields = response.headers().get_all(CONTENT_TYPE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    let named = field.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    named.trim().eq_ignore_ascii_case(media_type)
}

/// The members of a plain response.
pub(super) fn members(body: &[u8]) -> Result<Claims, Failure> {
    json::object(body).map_err(|_| Failure::Malformed)
}

/// Only `true` is active: neither `"true"` nor 1 nor anything else is, and least of all nothing (RFC 7662 2.2,
/// GHSA-8fcc-w5hv-4gxv).
pub(super) fn standing(members: Claims) -> Standing {
    match members.get("active") {
        Some(Value::Bool(true)) => Standing::Active(members),
        _ => Standing::Inactive,
    }
}

/// Whether the response says that this is another kind of token: the hint in the question is only that, and a refresh
/// token is active too (RFC 7662 2.1). Where it says nothing of the kind, what only other kinds claim tells.
pub(super) fn is_of_another_kind(members: &Claims) -> bool {
    let members = Members::from(members);
    match claims::is_called_access_token(&members) {
        Some(is_access_token) => !is_access_token,
        None => claims::has_claim_of_other_kinds(&members),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Claims {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn i2_only_json_true_is_active() {
        for active in
            [json!("true"), json!(1), json!(null), json!([true]), json!({"a": true}), json!(false)]
        {
            assert_eq!(standing(object(&json!({"active": active}))), Standing::Inactive);
        }
        for other in [json!({}), json!({"Active": true}), json!({"active ": true})] {
            assert_eq!(standing(object(&other)), Standing::Inactive, "{other}");
        }
        let active = object(&json!({"active": true}));
        assert_eq!(standing(active.clone()), Standing::Active(active));
    }

    #[test]
    fn i2_another_kind_of_token_is_told_by_what_servers_say() {
        for (members, other) in [
            (json!({}), false),
            (json!({"token_type": "Bearer", "typ": "Bearer", "token_use": "access_token"}), false),
            (json!({"token_type": "DPoP"}), false),
            (json!({"token_type": "refresh_token"}), true),
            (json!({"token_type": "Bearer", "token_use": "refresh_token"}), true),
            (json!({"typ": "Refresh"}), true),
            (json!({"typ": "Offline"}), true),
            (json!({"typ": "ID"}), true),
            (json!({"token_use": "id"}), true),
            (json!({"token_type": ["Bearer"]}), true),
        ] {
            assert_eq!(is_of_another_kind(&object(&members)), other, "{members}");
        }
    }

    #[test]
    fn i6_an_error_code_is_told_only_if_it_looks_like_one() {
        for (body, code) in [
            (r#"{"error":"unsupported_token_type"}"#, Some("unsupported_token_type")),
            (r#"{"error":"mF_9.B5f-4.1JqM"}"#, None),
            (r#"{"error":1}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(error_code(body.as_bytes()).as_deref(), code, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = (error_code(&bytes), members(&bytes).map(standing));
        }
    }
}

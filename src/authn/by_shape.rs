use super::{Attempt, Token, TokenValidator};

/// Sends signed tokens to one validator and all others to another, by their shape alone: JWTs and opaque tokens on the
/// same route.
///
/// # Rules
///
/// 1. Three parts of base64url, of which the first begins a JSON object, are a signed token (RFC 7515 7.1). Everything
///    else is not, an encrypted token of five parts included.
/// 2. The validator that a token goes to decides. What it refuses, or cannot tell, is not shown to the other one.
///
/// # What is not checked
///
/// Anything. Who sends a token chooses its shape, so each of the two has to be safe by itself.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_warden::authn::jwt::JwtValidator;
/// use tower_warden::authn::{Attempt, ByShape, Token, TokenValidator};
/// use tower_warden::rejection::{Rejection, RejectionKind};
/// use tower_warden::testing::TestIssuer;
///
/// /// Stands for an `IntrospectionValidator`.
/// #[derive(Debug)]
/// struct KnowsNone;
///
/// impl TokenValidator for KnowsNone {
///     fn attempt(&self, _: Token<'_>) -> Attempt {
///         Attempt::Ready(Err(Rejection::new(RejectionKind::InvalidCredentials, "token_inactive")))
///     }
/// }
///
/// let signer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let tokens = ByShape::new(JwtValidator::new(signer.trust()?), KnowsNone);
///
/// assert!(matches!(tokens.attempt(signer.token("ada").sign().as_str().into()), Attempt::Ready(Ok(_))));
/// let Attempt::Ready(Err(refused)) = tokens.attempt("mF_9.B5f-4.1JqM".into()) else { unreachable!() };
/// assert_eq!(refused.reason(), "token_inactive");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ByShape<S, O> {
    signed: S,
    opaque: O,
}

impl<S: TokenValidator, O: TokenValidator> ByShape<S, O> {
    /// Signed tokens go to `signed`, all others to `opaque`.
    pub const fn new(signed: S, opaque: O) -> Self {
        Self { signed, opaque }
    }
}

impl<S: TokenValidator, O: TokenValidator> TokenValidator for ByShape<S, O> {
    fn attempt(&self, token: Token<'_>) -> Attempt {
        if looks_signed(token.as_bytes()) {
            self.signed.attempt(token)
        } else {
            self.opaque.attempt(token)
        }
    }
}

/// Whether this has the form of a signed token. Of others no more is read than it takes to tell.
fn looks_signed(token: &[u8]) -> bool {
    // In base64url, `{` at the start leaves its mark in the first two characters.
    let begins_object =
        |header: &[u8]| matches!(header, [b'e', b'w'..=b'z' | b'0'..=b'9' | b'-' | b'_', ..]);
    let is_base64url =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    begins_object(token)
        && token.iter().filter(|byte| **byte == b'.').count() == 2
        && token.iter().all(is_base64url)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_signed_token_is_told_by_its_shape() {
        for (token, signed) in [
            ("eyJhbGciOiJFUzI1NiJ9.e30.AAAA", true),
            ("eyJhbGciOiJub25lIn0.e30.", true),
            ("ewogImFsZyI6IkVTMjU2In0.e30.AAAA", true),
            ("eyJhbGciOiJFUzI1NiJ9.e30", false),
            ("eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA", false),
            ("mF_9.B5f-4.1JqM", false),
            ("eyJ.a b.c", false),
            ("eyJ.a+b.c", false),
            ("opaque", false),
            ("..", false),
            ("", false),
        ] {
            assert_eq!(looks_signed(token.as_bytes()), signed, "{token}");
        }
    }

    proptest! {
        #[test]
        fn every_header_that_is_an_object_is_seen(rest in any::<Vec<u8>>(), space in "[ \n\t]{0,2}") {
            let header = [b"{", space.as_bytes(), &rest[..]].concat();
            let token = format!("{}.e30.AAAA", URL_SAFE_NO_PAD.encode(header));
            prop_assert!(looks_signed(token.as_bytes()), "{token}");
        }

        #[test]
        fn any_bytes_are_told_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = looks_signed(&bytes);
        }
    }
}

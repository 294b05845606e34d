use std::fmt;

/// A token as a request carries it: any bytes that can stand in a header field, for a
/// [`TokenValidator`](super::TokenValidator) to judge.
///
/// Not a `str`: a validator that remembers tokens need not read those as text that it knows already.
#[derive(Clone, Copy)]
pub struct Token<'t>(&'t [u8]);

impl<'t> Token<'t> {
    /// The bytes, as they stand in the field.
    #[must_use]
    pub const fn as_bytes(self) -> &'t [u8] {
        self.0
    }

    /// The text, if it is one: a good token is.
    #[must_use]
    pub fn as_str(self) -> Option<&'t str> {
        std::str::from_utf8(self.0).ok()
    }
}

impl<'t> From<&'t [u8]> for Token<'t> {
    fn from(token: &'t [u8]) -> Self {
        Self(token)
    }
}

impl<'t> From<&'t str> for Token<'t> {
    fn from(token: &'t str) -> Self {
        Self(token.as_bytes())
    }
}

/// How long it is; never the token.
impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_prints_nothing_of_itself_and_may_be_no_text() {
        let token = Token::from("a.b.c");
        assert_eq!(format!("{token:?}"), "Token(5 bytes)");
        assert_eq!(token.as_str(), Some("a.b.c"));
        assert_eq!(Token::from(&b"a\xff"[..]).as_str(), None);
    }
}

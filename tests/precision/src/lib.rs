//! Tokens and properties where serde_json's features `arbitrary_precision`, `preserve_order` and `raw_value` are on.

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tower_warden::authn::jwt::{JwtValidator, TokenError};
    use tower_warden::testing::TestIssuer;

    #[test]
    fn j10_numbers_are_read_where_they_are_precise() {
        let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
        let validator = JwtValidator::new(issuer.trust().unwrap());
        let token = || issuer.token("ada").claim("level", 3).claim("deep", json!([{"x": 1.5}]));

        let ada = validator.validate(&token().sign()).unwrap();
        assert_eq!(ada.claims()["level"], 3);
        assert_eq!(ada.claims()["deep"], json!([{"x": 1.5}]));
        assert!(ada.expires_at().is_some());

        let exp = |value: &str| {
            let number: serde_json::Number = value.parse().unwrap();
            validator.validate(&token().claim("exp", number).sign()).map(|_| ())
        };
        assert_eq!(exp("4000000000.5"), Ok(()));
        assert_eq!(exp("1e3"), Err(TokenError::Expired));
        assert_eq!(exp("-1"), Err(TokenError::ClaimMalformed));
        assert_eq!(exp("1e999"), Err(TokenError::Malformed));
        let text = token().claim("exp", "4000000000").sign();
        assert_eq!(validator.validate(&text), Err(TokenError::ClaimMalformed));
    }
}

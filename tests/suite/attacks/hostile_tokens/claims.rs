//! J7 to J10, J15 to J17, P18: claims of a token that the issuer's key signed.

use std::time::Duration;

use serde_json::{Value, json};
use tower_warden::authn::jwt::TokenError::{
    Audience, CertificateMissing, ClaimMalformed, Expired, ExpiryMissing, IssuedInFuture, Issuer,
    Malformed, NotYetValid, SenderConstrained, SubjectMissing,
};

use super::Chapter;
use super::victim::{AUDIENCE, ISSUER, NOW, claims_where};

pub(super) fn write(table: &mut Chapter<'_>) {
    issuers(table);
    audiences(table);
    times(table);
    numbers(table);
    identities(table);
    grants(table);
    bound(table);
}

/// Values of every JSON type but text.
fn not_text() -> [(&'static str, Value); 6] {
    [
        ("a number", json!(1)),
        ("null", Value::Null),
        ("true", json!(true)),
        ("a list", json!(["x"])),
        ("an object", json!({"x": "x"})),
        ("an empty list", json!([])),
    ]
}

fn issuers(table: &mut Chapter<'_>) {
    let victims = table.victims;
    table.add("J7 no iss", victims.good().without_claim("iss").sign(), Issuer);
    for issuer in [
        "",
        " ",
        "https://issuer.example/",
        "https://issuer.example//",
        " https://issuer.example",
        "https://issuer.example ",
        "https://issuer.example\u{0}",
        "https://issuer.example\n",
        "https://ISSUER.example",
        "HTTPS://issuer.example",
        "http://issuer.example",
        "issuer.example",
        "//issuer.example",
        "https://issuer.example:443",
        "https://issuer.example.",
        "https://issuer.example?",
        "https://issuer.example#",
        "https://issuer.example/.well-known/openid-configuration",
        "https://issuer.example/tenant-b",
        "https://issuer.example.evil.example",
        "https://issuer.example@evil.example",
        "https://evil.example/https://issuer.example",
        "https://evil.example",
        "https://\u{456}ssuer.example", // the first letter is Cyrillic
        "https://xn--ssuer-6of.example",
        "https://issuer%2Eexample",
        "https://issuer.exa",
        "https://issuer.example,https://evil.example",
        "https://issuer.example https://evil.example",
    ] {
        let token = victims.good().claim("iss", issuer).sign();
        table.add(format!("J7 iss {issuer:?}"), token, Issuer);
    }
    for (name, value) in not_text() {
        let token = victims.good().claim("iss", value).sign();
        table.add(format!("J7 iss is {name}"), token, Issuer);
    }
    for (name, value) in [
        ("a list of ours", json!([ISSUER])),
        ("a list of ours and another", json!([ISSUER, "https://evil.example"])),
        ("an object that holds ours", json!({ISSUER: ISSUER})),
    ] {
        let token = victims.good().claim("iss", value).sign();
        table.add(format!("J7 iss is {name}"), token, Issuer);
    }
    let cased = victims.good().without_claim("iss").claim("ISS", ISSUER).sign();
    table.add("J7 ISS", cased, Issuer);
}

fn audiences(table: &mut Chapter<'_>) {
    let victims = table.victims;
    table.add("J8 no aud", victims.good().without_claim("aud").sign(), Audience);
    for audience in [
        "",
        " ",
        "*",
        "https://other.example",
        "https://api.example/",
        "https://api.example/admin",
        "https://api.exa",
        "https://API.example",
        "http://api.example",
        "api.example",
        "https://api.example.evil.example",
        "https://api.example https://other.example",
        "https://api.example,https://other.example",
        "https://api.example\u{0}",
        "[\"https://api.example\"]",
        "https://issuer.example",
        "web",
    ] {
        let token = victims.good().claim("aud", audience).sign();
        table.add(format!("J8 aud {audience:?}"), token, Audience);
        let listed = victims.good().claim("aud", json!([audience])).sign();
        table.add(format!("J8 aud [{audience:?}]"), listed, Audience);
    }
    table.add("J8 aud is an empty list", victims.good().claim("aud", json!([])).sign(), Audience);
    for (name, value) in [
        ("a number", json!(1)),
        ("null", Value::Null),
        ("true", json!(true)),
        ("an object", json!({"aud": AUDIENCE})),
        ("an object with ours for a name", json!({AUDIENCE: true})),
        ("a list with a number", json!([AUDIENCE, 1])),
        ("a list with null", json!([null, AUDIENCE])),
        ("a list in a list", json!([[AUDIENCE]])),
        ("a list of objects", json!([{"aud": AUDIENCE}])),
    ] {
        let token = victims.good().claim("aud", value).sign();
        table.add(format!("J8 aud is {name}"), token, ClaimMalformed);
    }
    let resource = victims.good().without_claim("aud").claim("resource", AUDIENCE).sign();
    table.add("J8 resource for aud", resource, Audience);
    let azp = victims.good().claim("aud", "web").claim("azp", AUDIENCE).sign();
    table.add("J8 azp for aud", azp, Audience);
}

fn times(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for (name, back) in [("60 s ago", 360), ("a day ago", 86_400), ("a year ago", 31_536_000)] {
        let token = victims.shifted(Duration::from_secs(back)).sign();
        table.add(format!("J9 expired {name}"), token, Expired);
    }
    for exp in ["0", "-0", "-0.0", "1", "1e-300", "1799999940", "1799999940.0", "17999e5"] {
        let token = victims.sign(claims_where("exp", exp));
        table.add(format!("J9 exp {exp}"), token, Expired);
    }
    table.add("J9 no exp", victims.good().without_claim("exp").sign(), ExpiryMissing);
    let cased = victims.good().without_claim("exp").claim("EXP", NOW + 60).sign();
    table.add("J9 EXP", cased, ExpiryMissing);
    let lifetime = victims.good().without_claim("exp").claim("expires_in", 300).sign();
    table.add("J9 expires_in for exp", lifetime, ExpiryMissing);
    for nbf in ["1800000061", "1800000060.5", "4102444800", "253402300799", "18000001e2"] {
        let token = victims.sign(claims_where("nbf", nbf));
        table.add(format!("J9 nbf {nbf}"), token, NotYetValid);
    }
    for iat in ["1800000061", "1800000060.5", "4102444800", "253402300799"] {
        let token = victims.sign(claims_where("iat", iat));
        table.add(format!("J9 iat {iat}"), token, IssuedInFuture);
    }
}

/// RFC 7519 2: a number of seconds, whatever a lenient language would make of it.
fn numbers(table: &mut Chapter<'_>) {
    let victims = table.victims;
    let digits = "9".repeat(400);
    for claim in ["exp", "nbf", "iat"] {
        for value in [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e999",
            "-1e999",
            "+1800000300",
            "01800000300",
            "0x7fffffff",
            "1_800_000_300",
            "1800000300n",
            ".5",
            "1800000300.",
            "1e",
            "",
            "undefined",
            &digits,
        ] {
            let shown = &value[..value.len().min(20)];
            let token = victims.sign(claims_where(claim, value));
            table.add(format!("J10 {claim} {shown}"), token, Malformed);
        }
        for value in [
            r#""1800000300""#,
            r#""9999999999""#,
            r#""2027-01-15T08:05:00Z""#,
            r#""""#,
            r#""never""#,
            "null",
            "true",
            "false",
            "[]",
            "[1800000300]",
            "{}",
            r#"{"$gt":0}"#,
            "-1",
            "-1800000300",
            "-1e-300",
            "1e300",
            "1.7976931348623157e308",
            "253402300799.5",
            "253402300800",
            "1800000300000",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
        ] {
            let token = victims.sign(claims_where(claim, value));
            table.add(format!("J10 {claim} {value}"), token, ClaimMalformed);
        }
    }
    for value in [r#""1800000000""#, "-1", "1e300", "null", "[1]"] {
        let token = victims.sign(claims_where("auth_time", value));
        table.add(format!("J10 auth_time {value}"), token, ClaimMalformed);
    }
}

fn identities(table: &mut Chapter<'_>) {
    let victims = table.victims;
    table.add("J15 no sub", victims.good().without_claim("sub").sign(), SubjectMissing);
    table.add("J15 an empty sub", victims.good().claim("sub", "").sign(), SubjectMissing);
    for (name, value) in not_text() {
        let token = victims.good().claim("sub", value.clone()).sign();
        table.add(format!("J15 sub is {name}"), token, ClaimMalformed);
        let client = victims.good().claim("client_id", value).sign();
        table.add(format!("J17 client_id is {name}"), client, ClaimMalformed);
    }
    let named = victims.good().without_claim("sub");
    for claim in ["email", "preferred_username", "username", "upn", "user_id", "SUB", "client"] {
        let token = named.clone().claim(claim, "root@example.com").sign();
        table.add(format!("J15 {claim} for sub"), token, SubjectMissing);
    }
    let client = named.claim("client_id", "web").sign();
    table.add("J17 a client and no subject", client, SubjectMissing);
}

fn grants(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for (name, value) in not_text() {
        for claim in ["scope", "tenant", "acr"] {
            let token = victims.good().claim(claim, value.clone()).sign();
            table.add(format!("J16 {claim} is {name}"), token, ClaimMalformed);
        }
    }
    for (name, value) in [
        ("a number", json!(1)),
        ("null", Value::Null),
        ("true", json!(true)),
        ("an object", json!({"admin": true})),
        ("a list of numbers", json!([1])),
        ("a list with null", json!(["admin", null])),
        ("a list in a list", json!([["admin"]])),
    ] {
        for claim in ["scp", "roles", "amr"] {
            let token = victims.good().without_claim("scope").claim(claim, value.clone()).sign();
            table.add(format!("J16 {claim} is {name}"), token, ClaimMalformed);
        }
    }
}

/// RFC 7800 3, RFC 9449 7.2, RFC 8705 3: what is bound to a key is not for whoever bears it.
fn bound(table: &mut Chapter<'_>) {
    let victims = table.victims;
    let digest = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for (name, value) in [
        ("jkt", json!({"jkt": digest})),
        ("both", json!({"jkt": digest, "x5t#S256": digest})),
        ("jkt and what nobody knows", json!({"jkt": digest, "x": 1})),
        ("jkt that is short", json!({"jkt": &digest[..42]})),
        ("jkt that is long", json!({"jkt": format!("{digest}A")})),
        ("jkt with padding", json!({"jkt": format!("{digest}=")})),
        ("jkt that is empty", json!({"jkt": ""})),
        ("jkt that is null", json!({"jkt": null})),
        ("jkt in a list", json!({"jkt": [digest]})),
        ("jwk", json!({"jwk": victims.stranger.public_jwk()})),
        ("jwe", json!({"jwe": "eyJhbGciOiJSU0EtT0FFUCJ9"})),
        ("kid", json!({"kid": "test-ES256"})),
        ("jku", json!({"jku": "https://evil.example", "kid": "1"})),
        ("x5t", json!({"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"})),
        ("JKT", json!({"JKT": digest})),
        ("nothing", json!({})),
        ("null", Value::Null),
        ("text", json!(digest)),
        ("a list", json!([{"jkt": digest}])),
        ("an empty list", json!([])),
        ("false", json!(false)),
        ("a number", json!(0)),
    ] {
        let token = victims.good().claim("cnf", value).sign();
        table.add(format!("P18 cnf: {name}"), token, SenderConstrained);
    }
    let token = victims.good().claim("cnf", json!({"x5t#S256": digest})).sign();
    table.add("P18 cnf: x5t#S256", token, CertificateMissing);
}

//! J5, J6, B11: what is no token in compact form, or no JSON as tokens must have it.

use serde_json::json;
use tower_warden::authn::jwt::TokenError::{
    CriticalHeader, Malformed, MediaType, Signature, TooLong,
};

use super::Chapter;
use super::victim::{AUDIENCE, ISSUER, claims_with, encode, parts, with_secret};

pub(super) fn write(table: &mut Chapter<'_>) {
    compact(table);
    base64(table);
    other_serializations(table);
    json_text(table);
    repeated_members(table);
    too_much(table);
}

fn compact(table: &mut Chapter<'_>) {
    let good = table.victims.good().sign();
    let [header, payload, signature] = parts(&good);
    for (name, token) in [
        ("nothing", String::new()),
        ("one part", header.clone()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.AAAA")),
        ("five parts", format!("{good}.AAAA.AAAA")),
        ("twice itself", format!("{good}.{good}")),
        ("full stops alone", "..".to_owned()),
        ("three full stops", "...".to_owned()),
        ("a full stop behind", format!("{good}.")),
        ("a full stop before", format!(".{good}")),
        ("two full stops between", good.replacen('.', "..", 1)),
        ("no header", format!(".{payload}.{signature}")),
        ("a comma for a full stop", good.replace('.', ",")),
        ("a full stop of another script", good.replace('.', "\u{3002}")),
        ("an encoded full stop", good.replace('.', "%2E")),
        ("in quotes", format!("\"{good}\"")),
        ("its scheme twice", format!("Bearer {good}")),
        ("two tokens in a list", format!("{good}, {good}")),
        ("two tokens and a space", format!("{good} {good}")),
        ("a parameter behind", format!("{good}; charset=utf-8")),
        ("a line break behind", format!("{good}\r\nx-admin: 1")),
        ("a NUL behind", format!("{good}\0")),
        ("a space behind", format!("{good} ")),
        ("a tab before", format!("\t{good}")),
        ("a byte order mark before", format!("\u{feff}{good}")),
        ("hexadecimal", good.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ("backwards", good.chars().rev().collect()),
    ] {
        table.add(format!("J5 {name}"), token, Malformed);
    }
    table.add("J5 no signature", format!("{header}.{payload}."), Signature);
    table.add("J5 no payload", format!("{header}..{signature}"), Signature);
    let empty = table.victims.sign("");
    table.add("J5 no payload, signed", empty, Malformed);
    let cased = format!("{}.{payload}.{signature}", header.to_ascii_lowercase());
    table.add("J5 in lower case", cased, Malformed);
}

/// RFC 7515 2: no padding, no line breaks, no whitespace; one spelling for each octet string.
fn base64(table: &mut Chapter<'_>) {
    let [header, payload, signature] = parts(&table.victims.good().sign());
    let middle = |part: &str, inserted: &str| {
        let (start, end) = part.split_at(part.len() / 2);
        format!("{start}{inserted}{end}")
    };
    for (name, inserted) in [
        ("a space", " "),
        ("a line feed", "\n"),
        ("a soft hyphen", "\u{ad}"),
        ("a plus", "+"),
        ("a slash", "/"),
        ("an equals sign", "="),
        ("a percent sign", "%3D"),
        ("a NUL", "\0"),
        ("a letter of another script", "\u{430}"),
    ] {
        let broken = middle(&header, inserted);
        table.add(
            format!("J5 {name} in the header"),
            format!("{broken}.{payload}.{signature}"),
            Malformed,
        );
        // What is in the payload is not looked at before the signature fits it.
        let broken = middle(&payload, inserted);
        table.add(
            format!("J5 {name} in the payload"),
            format!("{header}.{broken}.{signature}"),
            Signature,
        );
        let broken = middle(&signature, inserted);
        table.add(
            format!("J5 {name} in the signature"),
            format!("{header}.{payload}.{broken}"),
            Malformed,
        );
    }
    for padding in ["=", "=="] {
        table.add(
            format!("J5 signature and {padding}"),
            format!("{header}.{payload}.{signature}{padding}"),
            Malformed,
        );
    }
    // 64 bytes leave four bits of the last character unused, 32 bytes two: only zeros are canonical (RFC 4648 3.5).
    let last = signature.chars().last().unwrap();
    for other in canonical_siblings(last, 4) {
        let token = format!("{header}.{payload}.{}{other}", &signature[..signature.len() - 1]);
        table.add(format!("J5 unused bits of the signature: {other} for {last}"), token, Malformed);
    }
    // The issuer itself signs what is not base64url: still refused.
    let secret_header = encode(json!({"alg": "HS256", "typ": "at+jwt"}).to_string());
    let claims = encode(claims_with(""));
    for (name, header, payload) in [
        ("padding in the payload", secret_header.clone(), format!("{claims}=")),
        ("padding in the header", format!("{secret_header}="), claims.clone()),
        ("a line feed in the payload", secret_header.clone(), middle(&claims, "\n")),
        (
            "a length of no octets",
            secret_header.clone(),
            format!("{claims}{}", &"AAAA"[..(5 - claims.len() % 4) % 4]),
        ),
        ("claims that are not encoded", secret_header.clone(), r#"{"sub":"ada"}"#.to_owned()),
    ] {
        let token = with_secret(&format!("{header}.{payload}"));
        table.against("HS256", format!("J5 signed with {name}"), token, Malformed);
    }
}

/// Characters that decode to the same octets when the lowest `unused` bits are not looked at.
fn canonical_siblings(last: char, unused: u32) -> Vec<char> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).unwrap();
    (1..1 << unused).map(|bits| alphabet.as_bytes()[index | bits] as char).collect()
}

fn other_serializations(table: &mut Chapter<'_>) {
    let good = table.victims.good();
    let [header, payload, signature] = parts(&good.clone().sign());
    let flat = json!({"protected": header, "payload": payload, "signature": signature});
    let general =
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]});
    table.add("J5 flattened JSON", flat.to_string(), Malformed);
    table.add("J5 general JSON", general.to_string(), Malformed);
    table.add("J5 JSON in base64url", encode(flat.to_string()), Malformed);
    let quoted = format!("{{{:?}:{payload:?},\"a\":\".{payload}.{signature}\"}}", "payload");
    table.add("J5 JSON that holds the parts of a token (CVE-2022-39227)", quoted, Malformed);

    for (name, header) in [
        ("direct", json!({"alg": "dir", "enc": "A256GCM"})),
        ("for an RSA key", json!({"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"})),
        (
            "with a password",
            json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_647}),
        ),
        ("compressed", json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"})),
    ] {
        let header = header.to_string();
        let encrypted =
            format!("{}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", encode(&header));
        table.add(format!("J5 encrypted, {name}"), encrypted, Malformed);
        let three = table.victims.sign_both(header, claims_with(""));
        table.add(format!("J5 a header of encryption, {name}"), three, Malformed);
    }
    for (name, value) in [
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("b64", json!(true)),
    ] {
        let token = good.clone().header(name, value.clone()).sign();
        table.add(format!("J5 {name} {value}"), token, Malformed);
    }
    let inner = good.clone().sign();
    let nested = r#"{"alg":"ES256","kid":"test-ES256","typ":"at+jwt","cty":"JWT"}"#;
    table.add("J5 a token in a token", table.victims.sign_both(nested, &inner), Malformed);
    let quoted = table.victims.sign_both(nested, json!(inner).to_string());
    table.add("J5 a token in a token, in quotes", quoted, Malformed);
}

/// RFC 7515 5.2, RFC 7519 7.2: UTF-8, an object, and nothing after it.
fn json_text(table: &mut Chapter<'_>) {
    let head = r#"{"alg":"ES256","kid":"test-ES256","typ":"at+jwt"}"#;
    let body = claims_with("");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let member = |text: &str, member: &[u8]| {
        [&text.as_bytes()[..text.len() - 1], b",\"x\":", member, b"}"].concat()
    };
    let broken = |text: &str| -> Vec<(&'static str, Vec<u8>)> {
        let around = |before: &str, after: &str| format!("{before}{text}{after}").into_bytes();
        vec![
            ("a byte order mark", around("\u{feff}", "")),
            ("UTF-16", utf16(text)),
            ("an array", around("[", "]")),
            ("a text", serde_json::to_vec(text).unwrap()),
            ("a number", b"1".to_vec()),
            ("null", b"null".to_vec()),
            ("two objects", around("", text)),
            ("a comma behind", around("", ",")),
            ("a NUL behind", around("", "\0")),
            ("a brace too few", text.as_bytes()[..text.len() - 1].to_vec()),
            ("a comment", around("/* */", "")),
            ("single quotes", text.replace('"', "'").into_bytes()),
            ("a comma too many", text.replace('}', ",}").into_bytes()),
            ("not UTF-8", member(text, b"\"\xff\"")),
            ("an overlong slash", member(text, b"\"\xc0\xaf\"")),
            ("a surrogate in UTF-8", member(text, b"\"\xed\xa0\x80\"")),
            ("a lone surrogate", member(text, br#""\ud800""#)),
            ("surrogates the wrong way round", member(text, br#""\udc00\ud800""#)),
            ("a raw line feed in a text", member(text, b"\"\n\"")),
            ("an escape that is none", member(text, br#""\x41""#)),
            ("NaN", member(text, b"NaN")),
            ("a leading zero", member(text, b"01")),
            ("True", member(text, b"True")),
        ]
    };
    for (name, header) in broken(head) {
        table.add(format!("J6 header: {name}"), table.victims.sign_both(header, &body), Malformed);
    }
    for (name, claims) in broken(&body) {
        table.add(format!("J6 claims: {name}"), table.victims.sign(claims), Malformed);
    }
}

fn repeated_members(table: &mut Chapter<'_>) {
    for (name, header) in [
        ("alg", r#"{"alg":"ES256","alg":"none","typ":"at+jwt"}"#),
        ("alg, the other way", r#"{"alg":"none","alg":"ES256","typ":"at+jwt"}"#),
        ("alg with an escape", r#"{"alg":"ES256","\u0061lg":"none","typ":"at+jwt"}"#),
        ("kid", r#"{"alg":"ES256","kid":"test-ES256","kid":"x","typ":"at+jwt"}"#),
        (
            "kid with an escape",
            r#"{"alg":"ES256","kid":"test-ES256","k\u0069d":"x","typ":"at+jwt"}"#,
        ),
        ("typ", r#"{"alg":"ES256","typ":"dpop+jwt","typ":"at+jwt"}"#),
        ("a name inside an object", r#"{"alg":"ES256","typ":"at+jwt","x":{"a":1,"a":2}}"#),
        ("a name inside crit", r#"{"alg":"ES256","typ":"at+jwt","crit":[{"a":1,"a":2}]}"#),
        ("what nobody reads", r#"{"alg":"ES256","typ":"at+jwt","x":1,"x":2}"#),
    ] {
        let token = table.victims.sign_both(header, claims_with(""));
        table.add(format!("J6 header: {name} twice"), token, Malformed);
    }
    for (name, more) in [
        ("sub", r#","sub":"root""#.to_owned()),
        ("sub with an escape", r#","\u0073ub":"root""#.to_owned()),
        ("iss", format!(r#","iss":"{ISSUER}""#)),
        ("aud", format!(r#","aud":"{AUDIENCE}""#)),
        ("exp", r#","exp":9999999999"#.to_owned()),
        ("exp with an escape", r#","e\u0078p":9999999999"#.to_owned()),
        ("scope", r#","scope":"a","scope":"admin""#.to_owned()),
        ("a name inside an object", r#","x":{"a":1,"a":2}"#.to_owned()),
        ("a name inside an array", r#","x":[[{"a":1,"\u0061":2}]]"#.to_owned()),
    ] {
        let token = table.victims.sign(claims_with(&more));
        table.add(format!("J6 claims: {name} twice"), token, Malformed);
    }
}

fn too_much(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for depth in [16, 500, 4_000] {
        let arrays = format!(r#","x":{}1{}"#, "[".repeat(depth), "]".repeat(depth));
        table.add(format!("J6 arrays {depth} deep"), victims.sign(claims_with(&arrays)), Malformed);
        let unclosed = format!(r#","x":{}"#, "[".repeat(depth));
        table.add(
            format!("J6 arrays {depth} deep without an end"),
            victims.sign(claims_with(&unclosed)),
            Malformed,
        );
    }
    let objects = format!(r#","x":{}1{}"#, r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    table.add("J6 objects 1,000 deep", victims.sign(claims_with(&objects)), Malformed);
    for depth in [16, 1_400] {
        let arrays = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let deep = format!(r#"{{"alg":"ES256","typ":"at+jwt","x":{arrays}}}"#);
        let token = victims.sign_both(deep, claims_with(""));
        table.add(format!("J6 a header {depth} deep"), token, Malformed);
    }
    let many: String = (0..14).map(|n| format!(r#","x{n}":1"#)).collect();
    let members = |more: &str| format!(r#"{{"alg":"ES256","typ":"at+jwt"{many}{more}}}"#);
    table.add(
        "J6 a header of 17 members",
        victims.sign_both(members(r#","y":1"#), "{}"),
        Malformed,
    );

    let long = |length: usize| victims.good().header("x", "x".repeat(length)).sign();
    table.add("B11 a header of more than 4,096 characters", long(3_100), TooLong);
    table.add("B11 a header of 11,000 characters", long(8_000), TooLong);
    table.add("B11 16 KiB of one letter and one more", "a".repeat(16 * 1024 + 1), TooLong);
    table.add("B11 16 KiB of one letter", "a".repeat(16 * 1024), TooLong);
    let padded = victims.good().claim("x", "x".repeat(12_000)).sign();
    assert!(padded.len() > 16 * 1024, "{}", padded.len());
    table.add("B11 claims of 12,000 bytes", padded, TooLong);
    let signature =
        format!("{}.{}", victims.sign("{}").rsplit_once('.').unwrap().0, encode([1; 1025]));
    table.add("B11 a signature longer than any", signature, Malformed);
    // A text of allowed length is looked at no further than its first refusal.
    table.add(
        "B11 crit in a header of 4,000 characters",
        victims.good().header("x", "x".repeat(2_900)).header("crit", json!(["x"])).sign(),
        CriticalHeader,
    );
    let other = victims.good().header("typ", "x".repeat(2_900)).sign();
    table.add("B11 a type of 2,900 characters", other, MediaType);
}

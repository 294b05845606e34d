//! J14: signatures that are none, or not of this key over these bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_warden::authn::jwt::TokenError::{Malformed, Signature};

use super::Chapter;
use super::victim::{claims_with, encode, good, parts, with_secret};

/// The order of the group of P-256, most significant byte first.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of the group of Ed25519, least significant byte first.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub(super) fn write(table: &mut Chapter<'_>) {
    any_algorithm(table);
    ecdsa(table);
    ed25519(table);
    rsa(table);
    hmac(table);
    other_content(table);
}

/// What is signed, and the octets of the signature.
fn taken_apart(token: &str) -> (String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn any_algorithm(table: &mut Chapter<'_>) {
    for victim in ["ES256", "RS256", "Ed25519", "HS256", "any RSA"] {
        let (signed, raw) = taken_apart(&table.victims.of(victim).good());
        let length = raw.len();
        let flipped = |at: usize| {
            let mut raw = raw.clone();
            raw[at] ^= 1;
            raw
        };
        for (name, forged) in [
            ("empty", Vec::new()),
            ("one byte", vec![0]),
            ("zeros", vec![0; length]),
            ("ones", vec![0xff; length]),
            ("cut by a byte", raw[..length - 1].to_vec()),
            ("half", raw[..length / 2].to_vec()),
            ("without its first byte", raw[1..].to_vec()),
            ("with a zero behind", [&raw[..], &[0]].concat()),
            ("with a zero before", [&[0], &raw[..]].concat()),
            ("twice", [&raw[..], &raw].concat()),
            ("backwards", raw.iter().rev().copied().collect()),
            ("one bit changed at the start", flipped(0)),
            ("one bit changed in the middle", flipped(length / 2)),
            ("one bit changed at the end", flipped(length - 1)),
        ] {
            let token = format!("{signed}.{}", encode(forged));
            table.against(victim, format!("J14 signature {name}"), token, Signature);
        }
    }
}

/// RFC 7518 3.4; CVE-2022-21449, the signature that any message has.
fn ecdsa(table: &mut Chapter<'_>) {
    let (signed, raw) = taken_apart(&table.victims.good().sign());
    let (r, s) = raw.split_at(32);
    let zero = [0; 32];
    let one = [&[0; 31][..], &[1]].concat();
    let less = [&P256_ORDER[..31], &[0x50]].concat();
    let integer = |part: &[u8]| {
        let sign = if part[0] >= 0x80 { &[0][..] } else { &[] };
        [&[2, u8::try_from(part.len() + sign.len()).unwrap()], sign, part].concat()
    };
    let der = |r: &[u8], s: &[u8]| {
        let body = [integer(r), integer(s)].concat();
        [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    };
    for (name, forged) in [
        ("in DER", der(r, s)),
        ("in DER, both 0", der(&[0], &[0])),
        ("in DER, both 1", der(&[1], &[1])),
        ("with r = 0", [&zero[..], s].concat()),
        ("with s = 0", [r, &zero].concat()),
        ("with r = s = 1", [&one[..], &one].concat()),
        ("with r = 1 and s = 0", [&one[..], &zero].concat()),
        ("with r = n", [&P256_ORDER[..], s].concat()),
        ("with s = n", [r, &P256_ORDER].concat()),
        ("with r = s = n", [P256_ORDER, P256_ORDER].concat()),
        ("with r = s = n - 1", [&less[..], &less].concat()),
        ("with r = n and s = 1", [&P256_ORDER[..], &one].concat()),
        ("with r and s exchanged", [s, r].concat()),
        ("with r twice", [r, r].concat()),
        ("as if of P-384", [&[0; 16][..], r, &[0; 16], s].concat()),
        ("as if of P-521", [&[0; 34][..], r, &[0; 34], s].concat()),
        ("as an uncompressed point", [&[4][..], r, s].concat()),
    ] {
        let token = format!("{signed}.{}", encode(forged));
        table.add(format!("J14 ECDSA {name}"), token, Signature);
    }
    let text = format!("{signed}.{}", encode(encode(&raw)));
    table.add("J14 ECDSA encoded twice", text, Signature);
    let hexadecimal: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    table.add("J14 ECDSA in hexadecimal", format!("{signed}.{hexadecimal}"), Signature);
}

/// RFC 8032 5.1.7: s is below the group's order, or a signature would have siblings.
fn ed25519(table: &mut Chapter<'_>) {
    let (signed, raw) = taken_apart(&table.victims.of("Ed25519").good());
    let (point, s) = raw.split_at(32);
    let mut carry = 0;
    let sibling: Vec<u8> = s
        .iter()
        .zip(ED25519_ORDER)
        .map(|(digit, order)| {
            let sum = u16::from(*digit) + u16::from(order) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    let neutral = [&[1][..], &[0; 31]].concat();
    let zero = [0; 32];
    for (name, forged) in [
        ("with the order added to s", [point, &sibling].concat()),
        ("with s = the order", [point, &ED25519_ORDER].concat()),
        ("with the neutral point and s = 0", [&neutral[..], &zero].concat()),
        ("with a point of small order", [&zero[..], &zero].concat()),
        ("with its halves exchanged", [s, point].concat()),
        ("with the high bit of s set", [point, &s[..31], &[s[31] | 0x80]].concat()),
    ] {
        let token = format!("{signed}.{}", encode(forged));
        table.against("Ed25519", format!("J14 Ed25519 {name}"), token, Signature);
    }
}

fn rsa(table: &mut Chapter<'_>) {
    let (signed, raw) = taken_apart(&table.victims.of("RS256").good());
    let jwk = table.victims.rs256.public_jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let mut below = modulus.clone();
    *below.last_mut().unwrap() -= 1; // odd
    let one = [&[0; 255][..], &[1]].concat();
    // The padded digest itself, as if the exponent were 1 (RFC 8017 9.2).
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&signed);
    let info = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let block = [&[0, 1][..], &[0xff; 202], &[0], &info, &digest].concat();
    let garbage = [&[0, 1, 0xff, 0][..], &info, &digest, &[0; 201]].concat();
    for (name, forged) in [
        ("of 1", one),
        ("of the modulus", modulus.clone()),
        ("of the modulus less 1", below),
        ("over the modulus", vec![0xff; 256]),
        ("of the padded digest", block),
        ("of the digest with garbage behind (CVE-2006-4339)", garbage),
        ("of the digest alone", digest.to_vec()),
        ("of another length, as of 4096 bits", [&[0; 256][..], &raw].concat()),
    ] {
        for victim in ["RS256", "any RSA"] {
            let token = format!("{signed}.{}", encode(&forged));
            table.against(victim, format!("J14 RSA {name}"), token, Signature);
        }
    }
}

fn hmac(table: &mut Chapter<'_>) {
    let (signed, raw) = taken_apart(&table.victims.of("HS256").good());
    for length in [1, 4, 8, 10, 16, 20, 31] {
        let token = format!("{signed}.{}", encode(&raw[..length]));
        table.against("HS256", format!("J14 HMAC cut to {length} bytes"), token, Signature);
    }
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&signed);
    let token = format!("{signed}.{}", encode(digest));
    table.against("HS256", "J14 HMAC without a key", token, Signature);
    let (_, other) = taken_apart(&with_secret("something else"));
    let token = format!("{signed}.{}", encode(other));
    table.against("HS256", "J14 HMAC of another text", token, Signature);
}

/// A good signature, and other bytes before it.
fn other_content(table: &mut Chapter<'_>) {
    let victims = table.victims;
    let [header, payload, signature] = parts(&victims.good().sign());
    let root = encode(claims_with(r#","roles":["admin"]"#));
    table.add("J14 other claims", format!("{header}.{root}.{signature}"), Signature);
    let other = encode(r#"{"alg":"ES256","typ":"at+jwt"}"#);
    table.add("J14 another header", format!("{other}.{payload}.{signature}"), Signature);
    let spaced = encode(format!("{} ", claims_with("")));
    table.add("J14 claims with a space more", format!("{header}.{spaced}.{signature}"), Signature);
    let [_, another, _] = parts(&victims.good().claim("sub", "eve").sign());
    table.add(
        "J14 the claims of another token",
        format!("{header}.{another}.{signature}"),
        Signature,
    );
    let [_, _, elsewhere] = parts(&victims.good().claim("sub", "eve").sign());
    let token = format!("{header}.{payload}.{elsewhere}");
    table.add("J14 the signature of another token", token, Signature);
    let shifted = format!("{header}{}.{}.{signature}", &payload[..4], &payload[4..]);
    table.add("J14 a full stop moved", shifted, Malformed);
    let bare = format!("{payload}.{header}.{signature}");
    table.add("J14 header and claims exchanged", bare, Malformed);

    // Signed by a key that another service trusts.
    let kid = |name: &str| json!({"alg": "ES256", "typ": "at+jwt", "kid": name}).to_string();
    let foreign = victims.stranger.sign(kid("test-ES256").as_bytes(), claims_with("").as_bytes());
    table.add("J14 the key of somebody else", foreign, Signature);
    let edwards = good(&victims.ed25519).header("alg", "ES256").header("kid", "test-ES256").sign();
    table.add("J14 an Ed25519 signature, also of 64 bytes", edwards, Signature);
    let curve = victims.good().header("alg", "Ed25519").header("kid", "test-Ed25519").sign();
    table.against("Ed25519", "J14 an ECDSA signature, also of 64 bytes", curve, Signature);
}

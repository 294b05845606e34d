//! J11, J12: tokens that the issuer signed for something else (RFC 8725 3.11, 3.12).

use serde_json::{Value, json};
use tower_warden::authn::jwt::TokenError::{ClaimMalformed, Malformed, MediaType};
use tower_warden::testing::TestToken;

use super::Chapter;
use super::victim::NOW;

pub(super) fn write(table: &mut Chapter<'_>) {
    types(table);
    by_their_claims(table);
    unmarked(table);
}

fn types(table: &mut Chapter<'_>) {
    let victims = table.victims;
    for media_type in [
        "dpop+jwt",
        "application/dpop+jwt",
        "DPoP+JWT",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "jwt-bearer+jwt",
        "entity-statement+jwt",
        "dc+sd-jwt",
        "kb+jwt",
        "id+jwt",
        "it+jwt",
        "rt+jwt",
        "userinfo+jwt",
        "JOSE",
        "JOSE+JSON",
        "JWE",
        "JWS",
        "application/jwt",
        "application/json",
        "text/html",
        "",
        " ",
        "at+jwt ",
        " at+jwt",
        "at+jwt;charset=utf-8",
        "at+jwt, dpop+jwt",
        "at+jwt\u{0}",
        "at%2Bjwt",
        "at jwt",
        "at-jwt",
        "at+jw",
        "at+jwtt",
        "xat+jwt",
        "application/application/at+jwt",
        "application//at+jwt",
        "text/at+jwt",
        "/at+jwt",
        "\u{ff41}\u{ff54}+jwt",
        "at+\u{237}wt",
        "jwt ",
    ] {
        let token = victims.good().header("typ", media_type).sign();
        table.add(format!("J12 typ {media_type:?}"), token, MediaType);
    }
    for (name, value) in [
        ("a number", json!(1)),
        ("null", Value::Null),
        ("true", json!(true)),
        ("a list", json!(["at+jwt"])),
        ("an object", json!({"at+jwt": true})),
    ] {
        let token = victims.good().header("typ", value).sign();
        table.add(format!("J12 typ is {name}"), token, Malformed);
    }
    // A type in the claims is none.
    let claimed = victims.good().header("typ", "logout+jwt").claim("typ", "at+jwt").sign();
    table.add("J12 a type among the claims", claimed, MediaType);
}

/// Whole tokens of other kinds, with the audience of the service: the claims tell them apart where no type does.
fn by_their_claims(table: &mut Chapter<'_>) {
    let victims = table.victims;
    let id_token = || {
        let token = victims.good().without_claim("client_id").without_claim("scope");
        token.claim("azp", "web").claim("auth_time", NOW).claim("sid", "08a5019c-17e1-4977-8f42")
    };
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let revoked = json!({"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {"reason_admin": {}}});
    let kinds: Vec<(&str, TestToken)> = vec![
        ("an ID token with a nonce", id_token().claim("nonce", "n-0S6_WzA2Mj")),
        ("an ID token with a null nonce", id_token().claim("nonce", Value::Null)),
        ("an ID token with at_hash", id_token().claim("at_hash", "77QmUPtjPfzWtF2AnpK9RQ")),
        ("an ID token with c_hash", id_token().claim("c_hash", "LDktKdoQak3Pk0cnXxCltA")),
        ("a logout token", victims.good().claim("events", logout.clone())),
        (
            "a logout token without a subject",
            victims.good().without_claim("sub").claim("events", logout),
        ),
        ("a security event", victims.good().claim("events", revoked)),
        (
            "a proof of possession",
            victims.good().claim("htm", "GET").claim("htu", "https://api.example/"),
        ),
        ("a proof with htu alone", victims.good().claim("htu", "https://api.example/")),
        (
            "an introspection response",
            victims.good().claim("token_introspection", json!({"active": true})),
        ),
    ];
    for (name, token) in kinds {
        for typed in ["JWT", "jwt", "Jwt"] {
            let token = token.clone().header("typ", typed).sign();
            table.add(format!("J12 {name} typed {typed}"), token, MediaType);
        }
        let untyped = token.without_header("typ").sign();
        table.add(format!("J12 {name} without a type"), untyped, MediaType);
    }
}

/// What passes only where the issuer is not said to mark its access tokens (RFC 9068 2.1, 2.2).
fn unmarked(table: &mut Chapter<'_>) {
    let victims = table.victims;
    table.add_unmarked("J11 no type", victims.good().without_header("typ").sign(), MediaType);
    for typed in ["JWT", "jwt"] {
        let token = victims.good().header("typ", typed).sign();
        table.add_unmarked(format!("J11 typ {typed}"), token, MediaType);
    }
    for claim in ["client_id", "iat", "jti"] {
        let token = victims.good().without_claim(claim).sign();
        table.add_unmarked(format!("J11 no {claim}"), token, ClaimMalformed);
    }
    for (name, value) in [
        ("a number", json!(7)),
        ("null", Value::Null),
        ("a list", json!(["1"])),
        ("an object", json!({})),
    ] {
        let token = victims.good().claim("jti", value).sign();
        table.add_unmarked(format!("J11 jti is {name}"), token, ClaimMalformed);
    }
}

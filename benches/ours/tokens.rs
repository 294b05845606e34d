//! Bearer tokens: seen before, and never before.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{Algorithm, Issuer, IssuerBuilder, JwtValidator, VerifyingKey};
use tower_warden::authn::{Attempt, AuthenticateLayer, Authenticator};

use crate::harness::tokens::{AUDIENCE, Bad, ISSUER, Signer};
use crate::harness::{Bare, Case, Run, case, function, get, service};

pub(crate) fn bare_case() -> Case {
    case("an empty 200, a token in the request", || {
        service(Bare, get("/", &[("authorization", &Signer::rs256().bearer())]), 200)
    })
}

/// Through the layer, the principal left in the request.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("tower-warden, seen before", || {
            let signer = Signer::rs256();
            through_layer(remembering(&signer), &signer.bearer(), 200)
        }),
        case("tower-warden, RS256", || checked(&Signer::rs256())),
        case("tower-warden, ES256", || checked(&Signer::es256())),
        case("tower-warden, EdDSA", || checked(&Signer::eddsa())),
        case("tower-warden, HS256", || checked(&Signer::hs256())),
        case("tower-warden, malformed token refused", || bad(Bad::Malformed)),
        case("tower-warden, unknown algorithm refused", || bad(Bad::UnknownAlgorithm)),
        case("tower-warden, unknown key refused", || bad(Bad::UnknownKey)),
        case("tower-warden, 12 KB header refused", || bad(Bad::Oversized)),
        case("tower-warden, RS256, expired", || bad(Bad::Expired)),
    ]
}

/// The validator alone: signature, header and claims checked, a principal made.
pub(crate) fn judging() -> Vec<Case> {
    vec![
        case("tower-warden validator, RS256", || validating(&Signer::rs256())),
        case("tower-warden validator, ES256", || validating(&Signer::es256())),
        case("tower-warden validator, EdDSA", || validating(&Signer::eddsa())),
        case("tower-warden validator, HS256", || validating(&Signer::hs256())),
    ]
}

/// The authenticator alone, from the request's head to the refusal that is still to be rendered.
pub(crate) fn refusing() -> Vec<Case> {
    vec![
        case("malformed token", || judged_bad(Bad::Malformed)),
        case("unknown algorithm", || judged_bad(Bad::UnknownAlgorithm)),
        case("unknown key", || judged_bad(Bad::UnknownKey)),
        case("12 KB header", || judged_bad(Bad::Oversized)),
    ]
}

pub(crate) fn trust(signer: &Signer) -> Issuer {
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE);
    let keys = if let Signer::Hs256(secret) = signer {
        VerifyingKey::from_secret(Algorithm::Hs256, secret).map(|key| vec![key.with_id("bench-1")])
    } else {
        VerifyingKey::from_jwks(&signer.jwks().to_string())
    };
    let keys = keys.expect("our own keys");
    keys.into_iter().fold(issuer, IssuerBuilder::key).build().expect("a sound issuer")
}

/// An authenticator that checks every signature.
pub(crate) fn checking(signer: &Signer) -> BearerAuthenticator {
    BearerAuthenticator::new(uncached(signer))
}

fn remembering(signer: &Signer) -> BearerAuthenticator {
    BearerAuthenticator::new(JwtValidator::new(trust(signer)))
}

fn uncached(signer: &Signer) -> JwtValidator {
    let validator = JwtValidator::builder().issuer(trust(signer)).cache_bytes(0);
    validator.build().expect("a sound validator")
}

fn through_layer(authenticator: BearerAuthenticator, header: &str, status: u16) -> Run {
    let layer = AuthenticateLayer::new(authenticator);
    Box::new(service(layer.layer(Bare), get("/", &[("authorization", header)]), status))
}

fn checked(signer: &Signer) -> Run {
    through_layer(checking(signer), &signer.bearer(), 200)
}

fn bad(bad: Bad) -> Run {
    let signer = Signer::rs256();
    through_layer(remembering(&signer), &signer.bad_bearer(bad), 401)
}

fn validating(signer: &Signer) -> Run {
    let (validator, token) = (uncached(signer), signer.token());
    Box::new(function(move || validator.validate(&token).expect("our own token")))
}

fn judged_bad(bad: Bad) -> Run {
    let signer = Signer::rs256();
    let header = signer.bad_bearer(bad);
    let request: Request<Full<Bytes>> = get("/", &[("authorization", &header)])();
    let (head, _) = request.into_parts();
    let authenticator = remembering(&signer);
    Box::new(function(move || match authenticator.authenticate(&head) {
        Attempt::Ready(Err(rejection)) => rejection,
        other => panic!("a bad token is refused at once, not {other:?}"),
    }))
}

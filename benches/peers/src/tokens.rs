//! Bearer tokens: the neighbours' layers in front of an empty 200, each set to check issuer, audience and expiry.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use jwt_authorizer::{AuthError, IntoLayer, JwtAuthorizer, Validation};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use crate::harness::tokens::{AUDIENCE, Bad, ISSUER, Signer};
use crate::harness::{Bare, Case, Run, case, get, service};

/// Without a layer or a request around it.
pub(crate) fn decoding() -> Vec<Case> {
    vec![
        case("jsonwebtoken 11 (aws_lc_rs) decode, RS256", || jsonwebtoken_11(&Signer::rs256())),
        case("jsonwebtoken 11 (aws_lc_rs) decode, ES256", || jsonwebtoken_11(&Signer::es256())),
        case("jsonwebtoken 11 (aws_lc_rs) decode, EdDSA", || jsonwebtoken_11(&Signer::eddsa())),
        case("jsonwebtoken 11 (aws_lc_rs) decode, HS256", || jsonwebtoken_11(&Signer::hs256())),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("jwt-authorizer, RS256", || jwt_authorizer(&Signer::rs256(), None)),
        case("jwt-authorizer, ES256", || jwt_authorizer(&Signer::es256(), None)),
        case("tower-oauth2-resource-server, RS256", || resource_server(&Signer::rs256(), None)),
        case("tower-oauth2-resource-server, ES256", || resource_server(&Signer::es256(), None)),
        case("axum-jwt-auth extractor, RS256", || axum_jwt_auth(&Signer::rs256())),
        case("axum-jwt-auth extractor, ES256", || axum_jwt_auth(&Signer::es256())),
        case("jwt-authorizer, malformed token refused", || {
            jwt_authorizer(&Signer::rs256(), Some(Bad::Malformed))
        }),
        case("tower-oauth2-resource-server, malformed token refused", || {
            resource_server(&Signer::rs256(), Some(Bad::Malformed))
        }),
        case("jwt-authorizer, 12 KB header refused", || {
            jwt_authorizer(&Signer::rs256(), Some(Bad::Oversized))
        }),
        case("tower-oauth2-resource-server, 12 KB header refused", || {
            resource_server(&Signer::rs256(), Some(Bad::Oversized))
        }),
    ]
}

/// What all of them read.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AccessToken {
    #[expect(dead_code, reason = "as a handler would have it")]
    sub: String,
    #[expect(dead_code, reason = "as a policy would have it")]
    scope: String,
}

/// What is sent, and whether it is any good.
type Sent = Option<Bad>;

fn authorization(sent: Sent, signer: &Signer) -> String {
    sent.map_or_else(|| signer.bearer(), |bad| signer.bad_bearer(bad))
}

const fn status(sent: Sent) -> u16 {
    if sent.is_none() { 200 } else { 401 }
}

fn jsonwebtoken_11(signer: &Signer) -> Run {
    use jsonwebtoken::jwk::Jwk;
    let key = if let Signer::Hs256(secret) = signer {
        jsonwebtoken::DecodingKey::from_secret(secret)
    } else {
        let jwk: Jwk = serde_json::from_value(signer.jwks()["keys"][0].clone()).expect("our key");
        jsonwebtoken::DecodingKey::from_jwk(&jwk).expect("our own key")
    };
    let token = signer.token();
    let header = jsonwebtoken::decode_header(&token).expect("our own token");
    let mut validation = jsonwebtoken::Validation::new(header.alg);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    Box::new(crate::harness::function(move || {
        jsonwebtoken::decode::<AccessToken>(&token, &key, &validation).expect("our own token")
    }))
}

/// jwt-authorizer wants a response that its error converts into.
struct Answer(Response<Full<Bytes>>);

impl From<AuthError> for Answer {
    fn from(_: AuthError) -> Self {
        let mut response = Response::new(Full::default());
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        Self(response)
    }
}

fn jwt_authorizer(signer: &Signer, sent: Sent) -> Run {
    let validation = Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let built = JwtAuthorizer::<AccessToken>::from_jwks_text(&signer.jwks().to_string())
        .validation(validation)
        .build();
    let layer = wait_for(built).expect("our own keys").into_layer();
    let authorized =
        layer.layer(Bare.map_response(Answer)).map_response(|Answer(response)| response);
    let header = authorization(sent, signer);
    Box::new(service(authorized, get("/", &[("authorization", &header)]), status(sent)))
}

fn resource_server(signer: &Signer, sent: Sent) -> Run {
    let layer = resource_server_layer(signer);
    let header = authorization(sent, signer);
    Box::new(service(layer.layer(Bare), get("/", &[("authorization", &header)]), status(sent)))
}

pub(crate) fn resource_server_layer<B: Default + Send + 'static>(
    signer: &Signer,
) -> tower_oauth2_resource_server::layer::OAuth2ResourceServerLayer<B, AccessToken> {
    let claims = ClaimsValidationSpec::recommended(ISSUER, &vec![AUDIENCE.to_owned()]);
    let tenant = TenantConfiguration::static_builder(signer.jwks().to_string())
        .claims_validation(claims)
        .build()
        .expect("our own keys");
    let built = OAuth2ResourceServer::<AccessToken>::builder().add_tenant(tenant).build();
    wait_for(built).expect("our own keys").into_layer()
}

/// The state that axum-jwt-auth's extractor asks for.
#[derive(Clone)]
pub(crate) struct WithDecoder(Decoder<AccessToken>);

impl FromRef<WithDecoder> for Decoder<AccessToken> {
    fn from_ref(state: &WithDecoder) -> Self {
        state.0.clone()
    }
}

impl WithDecoder {
    pub(crate) fn new(signer: &Signer) -> Self {
        use jsonwebtoken_10::{DecodingKey, Validation, decode_header, jwk::Jwk};
        let jwk: Jwk =
            serde_json::from_value(signer.jwks()["keys"][0].clone()).expect("our own key");
        let key = DecodingKey::from_jwk(&jwk).expect("our own key");
        let header = decode_header(signer.token()).expect("our own token");
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build();
        Self(Arc::new(decoder.expect("a key and a validation")))
    }
}

/// The extractor alone, without axum's router.
fn axum_jwt_auth(signer: &Signer) -> Run {
    let state = WithDecoder::new(signer);
    let extracting = service_fn(move |request: Request<Full<Bytes>>| {
        let state = state.clone();
        let (mut head, body) = request.into_parts();
        async move {
            let claims = Claims::<AccessToken>::from_request_parts(&mut head, &state).await;
            drop(std::hint::black_box(claims.expect("our own token")));
            Bare.call(Request::from_parts(head, body)).await
        }
    });
    Box::new(service(extracting, get("/", &[("authorization", &signer.bearer())]), 200))
}

pub(crate) fn install_aws_lc_for_jsonwebtoken_10() {
    let installed = jsonwebtoken_10::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    installed.expect("nothing was installed before");
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime on one thread needs nothing that can be missing").block_on(future)
}

//! Tokens that are bound to a client certificate (RFC 8705), with the certificate from the connection and from proxies.

mod tls;

use http::Request;
use serde_json::json;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::client_certificate::{ClientCertificate, ForwardedCertificates};
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authn::{Attempt, AuthenticateLayer, Token, TokenValidator};
use tower_warden::client_address::{PeerAddress, TrustedProxies};
use tower_warden::principal::{Confirmation, Principal, PrincipalKind};
use tower_warden::testing::TestIssuer;

use crate::certificates::{Authority, Identity};
use crate::support::{Answer, TestBody, get, through};

const PROXY: &str = "10.0.0.7:49152";
const STRANGER: &str = "192.0.2.1:49152";
const INVALID_TOKEN: &str = r#"Bearer realm="api", error="invalid_token""#;

fn signer() -> TestIssuer {
    TestIssuer::new("https://issuer.example", "https://api.example")
}

fn layer(signer: &TestIssuer) -> AuthenticateLayer {
    AuthenticateLayer::new(BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap())))
}

fn proxies() -> TrustedProxies {
    TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap()
}

fn bound_to(signer: &TestIssuer, identity: &Identity) -> String {
    let confirmation = json!({ "x5t#S256": identity.thumbprint() });
    format!("Bearer {}", signer.token("ada").claim("cnf", confirmation).sign())
}

fn from(peer: &str, headers: &[(&str, &str)]) -> Request<TestBody> {
    let mut request = get("/", headers);
    request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
    request
}

fn outcome(answer: &Answer) -> (u16, &'static str) {
    if answer.status == 401 {
        assert_eq!(answer.header("www-authenticate"), INVALID_TOKEN);
    }
    (answer.status, answer.reason())
}

#[tokio::test]
async fn p18_a_bound_token_needs_the_certificate_that_it_is_bound_to() {
    let (signer, authority) = (signer(), Authority::new());
    let (own, other) = (authority.issue(&[]), authority.issue(&[]));
    let (layer, token) = (layer(&signer), bound_to(&signer, &own));
    let both = json!({ "x5t#S256": own.thumbprint(), "jkt": other.thumbprint() });
    let both = format!("Bearer {}", signer.token("ada").claim("cnf", both).sign());
    let plain = format!("Bearer {}", signer.token("ada").sign());
    for (token, shown, expected) in [
        (&token, Some(&own), (200, "")),
        (&token, Some(&other), (401, "token_certificate_mismatch")),
        (&token, None, (401, "token_certificate_missing")),
        (&both, Some(&own), (401, "token_sender_constrained")),
        (&plain, Some(&other), (200, "")),
    ] {
        let mut request = get("/", &[("authorization", token)]);
        if let Some(shown) = shown {
            request.extensions_mut().insert(shown.certificate());
        }
        assert_eq!(outcome(&through(&layer, request).await), expected);
    }
}

#[tokio::test]
async fn p18_a_bound_token_without_its_certificate_is_unauthenticated_over_grpc() {
    let (signer, authority) = (signer(), Authority::new());
    let token = bound_to(&signer, &authority.issue(&[]));
    let grpc = ("content-type", "application/grpc");
    let answer = through(&layer(&signer), get("/", &[("authorization", &token), grpc])).await;
    assert_eq!(
        (answer.header("grpc-status"), answer.reason()),
        ("16", "token_certificate_missing")
    );
}

#[tokio::test]
async fn p18_other_members_of_cnf_and_digests_of_another_form_refuse() {
    let (signer, own) = (signer(), Authority::new().issue(&[]));
    let thumbprint = own.thumbprint();
    let layer = layer(&signer);
    for confirmation in [
        json!({ "x5t#S256": thumbprint, "kid": "a" }),
        json!({ "x5t#S256": format!("{thumbprint}=") }),
        json!({ "x5t#S256": own.hash() }),
        json!({ "x5t#S256": &thumbprint[1..] }),
        json!({ "x5t#S256": "" }),
        json!({ "x5t#S256": [thumbprint] }),
        json!({ "X5T#S256": thumbprint }),
        json!({ "x5t": thumbprint }),
        json!([]),
        json!(null),
    ] {
        let token = signer.token("ada").claim("cnf", confirmation.clone()).sign();
        let mut request = get("/", &[("authorization", &format!("Bearer {token}"))]);
        request.extensions_mut().insert(own.certificate());
        let answer = through(&layer, request).await;
        assert_eq!(outcome(&answer), (401, "token_sender_constrained"), "{confirmation}");
    }
}

/// Accepts every token, as one that is bound; at once or later.
#[derive(Debug)]
struct AlwaysBound {
    to: [u8; 32],
    later: bool,
}

impl TokenValidator for AlwaysBound {
    fn attempt(&self, _: Token<'_>) -> Attempt {
        let mut confirmation = Confirmation::default();
        confirmation.certificate_digest = Some(self.to);
        let ada = Principal::builder("issuer", "ada", PrincipalKind::User, "Bearer");
        let ada = ada.confirmation(confirmation).build();
        if self.later { Attempt::pending(async { Ok(ada) }) } else { Attempt::Ready(Ok(ada)) }
    }
}

#[tokio::test]
async fn p18_tokens_of_every_validator_are_held_to_what_binds_them() {
    let authority = Authority::new();
    let (own, other) = (authority.issue(&[]), authority.issue(&[]));
    for later in [false, true] {
        let validator = AlwaysBound { to: *own.certificate().digest(), later };
        let layer = AuthenticateLayer::new(BearerAuthenticator::new(validator));
        for (shown, expected) in [
            (Some(&own), (200, "")),
            (Some(&other), (401, "token_certificate_mismatch")),
            (None, (401, "token_certificate_missing")),
        ] {
            let mut request = get("/", &[("authorization", "Bearer opaque")]);
            if let Some(shown) = shown {
                request.extensions_mut().insert(shown.certificate());
            }
            assert_eq!(outcome(&through(&layer, request).await), expected, "{later}");
        }
    }
}

#[tokio::test]
async fn p18_without_a_word_about_proxies_no_field_is_read() {
    let (signer, own) = (signer(), Authority::new().issue(&[]));
    let token = bound_to(&signer, &own);
    let xfcc = format!("Hash={}", own.hash());
    for field in [("client-cert", &own.client_cert()), ("x-forwarded-client-cert", &xfcc)] {
        let headers = [("authorization", &*token), (field.0, field.1)];
        let answer = through(&layer(&signer), from(PROXY, &headers)).await;
        assert_eq!(outcome(&answer), (401, "token_certificate_missing"));
    }
}

#[tokio::test]
async fn p18_a_field_counts_from_a_listed_proxy_alone() {
    let (signer, authority) = (signer(), Authority::new());
    let (own, other) = (authority.issue(&[]), authority.issue(&[]));
    let token = bound_to(&signer, &own);
    let by_rfc =
        layer(&signer).forwarded_certificates(ForwardedCertificates::client_cert(proxies()));
    let by_envoy = layer(&signer)
        .forwarded_certificates(ForwardedCertificates::x_forwarded_client_cert(proxies()));
    let believing_nobody = layer(&signer)
        .forwarded_certificates(ForwardedCertificates::client_cert(TrustedProxies::none()));
    let (missing, malformed) =
        ((401, "token_certificate_missing"), (400, "client_certificate_malformed"));
    let mismatch = (401, "token_certificate_mismatch");
    let rfc = |identity: &Identity| ("client-cert", identity.client_cert());
    let envoy = |text: String| ("x-forwarded-client-cert", text);
    let hash = |identity: &Identity| format!("Hash={}", identity.hash());
    let cert = |identity: &Identity| format!("Cert=\"{}\"", identity.pem());
    for (layer, peer, (name, value), expected) in [
        (&by_rfc, PROXY, rfc(&own), (200, "")),
        (&by_rfc, PROXY, rfc(&other), mismatch),
        (&by_rfc, STRANGER, rfc(&own), missing),
        (&by_rfc, PROXY, envoy(hash(&own)), missing),
        (&by_rfc, PROXY, ("client-cert", own.pem()), malformed),
        (&by_rfc, STRANGER, ("client-cert", own.pem()), missing),
        (&by_rfc, PROXY, ("client-cert", format!("{}, {}", rfc(&own).1, rfc(&own).1)), malformed),
        (&believing_nobody, PROXY, rfc(&own), missing),
        (&by_envoy, PROXY, envoy(hash(&own)), (200, "")),
        (&by_envoy, PROXY, envoy(cert(&own)), (200, "")),
        (&by_envoy, PROXY, envoy(format!("By=a;{};{}", hash(&own), cert(&own))), (200, "")),
        (&by_envoy, STRANGER, envoy(hash(&own)), missing),
        (&by_envoy, PROXY, rfc(&own), missing),
        (&by_envoy, PROXY, envoy(hash(&other)), mismatch),
        // What a client wrote stands on the left, whatever it holds.
        (&by_envoy, PROXY, envoy(format!("{},{}", hash(&own), hash(&other))), mismatch),
        (&by_envoy, PROXY, envoy(format!("{};Subject=\",{}", hash(&own), hash(&other))), mismatch),
        (&by_envoy, PROXY, envoy(format!("\",{}", hash(&own))), (200, "")),
        (&by_envoy, PROXY, envoy(format!("{};{}", hash(&own), cert(&other))), malformed),
        (&by_envoy, PROXY, envoy(format!("{};{}", hash(&own), hash(&own))), malformed),
        (&by_envoy, PROXY, envoy(format!("{},", hash(&own))), malformed),
        (&by_envoy, PROXY, envoy("By=a;URI=b".to_owned()), malformed),
    ] {
        let answer = through(layer, from(peer, &[("authorization", &token), (name, &value)])).await;
        assert_eq!(outcome(&answer), expected, "{peer} {name}: {value}");
    }
}

#[tokio::test]
async fn p18_a_field_that_comes_twice_refuses_whichever_is_right() {
    let (signer, authority) = (signer(), Authority::new());
    let (own, other) = (authority.issue(&[]), authority.issue(&[]));
    let token = bound_to(&signer, &own);
    let by_rfc =
        layer(&signer).forwarded_certificates(ForwardedCertificates::client_cert(proxies()));
    for (first, second) in [(&own, &other), (&other, &own), (&own, &own)] {
        let (first, second) = (first.client_cert(), second.client_cert());
        let headers =
            [("authorization", &*token), ("client-cert", &first), ("client-cert", &second)];
        let answer = through(&by_rfc, from(PROXY, &headers)).await;
        assert_eq!(outcome(&answer), (400, "several_client_certificate_fields"));
        let answer = through(&by_rfc, from(STRANGER, &headers)).await;
        assert_eq!(outcome(&answer), (401, "token_certificate_missing"));
    }
}

#[tokio::test]
async fn p18_the_proxys_own_certificate_never_counts_as_the_clients() {
    let (signer, authority) = (signer(), Authority::new());
    let (of_proxy, of_client) = (authority.issue(&[]), authority.issue(&[]));
    let token = bound_to(&signer, &of_proxy);
    let layer =
        layer(&signer).forwarded_certificates(ForwardedCertificates::client_cert(proxies()));
    let field = of_client.client_cert();
    for (peer, headers, expected) in [
        (PROXY, &[("authorization", &*token)][..], (401, "token_certificate_missing")),
        (
            PROXY,
            &[("authorization", &token), ("client-cert", &field)],
            (401, "token_certificate_mismatch"),
        ),
        (STRANGER, &[("authorization", &token), ("client-cert", &field)], (200, "")),
    ] {
        let mut request = from(peer, headers);
        request.extensions_mut().insert(of_proxy.certificate());
        assert_eq!(outcome(&through(&layer, request).await), expected, "{peer}");
    }
}

#[tokio::test]
async fn p18_no_field_reaches_a_handler() {
    use tower::{Layer, service_fn};
    let signer = signer();
    let own = Authority::new().issue(&[]);
    let fields = ["client-cert", "client-cert-chain", "x-forwarded-client-cert"];
    let layer = layer(&signer).optional();
    let layer = layer.forwarded_certificates(ForwardedCertificates::client_cert(proxies()));
    for (peer, seen) in [(STRANGER, false), (PROXY, true)] {
        let handler = service_fn(move |request: Request<TestBody>| async move {
            for field in fields {
                assert!(!request.headers().contains_key(field), "{field} of {peer}");
            }
            assert_eq!(ClientCertificate::of(request.extensions()).is_some(), seen, "{peer}");
            Ok::<_, std::convert::Infallible>(http::Response::new(TestBody::default()))
        });
        let value = own.client_cert();
        let headers = fields.map(|field| (field, &*value));
        let answer = crate::support::ask(layer.layer(handler), from(peer, &headers)).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn p18_a_field_without_a_known_peer_is_500_and_not_believed() {
    let signer = signer();
    let own = Authority::new().issue(&[]);
    let layer =
        layer(&signer).forwarded_certificates(ForwardedCertificates::client_cert(proxies()));
    let token = bound_to(&signer, &own);
    let headers = [("authorization", &*token), ("client-cert", &own.client_cert())];
    let answer = through(&layer, get("/", &headers)).await;
    assert_eq!((answer.status, answer.reason()), (500, "peer_address_unknown"));
}

#[test]
fn p18_a_certificate_is_cheap_to_show_and_hides_its_bytes() {
    let own = Authority::new().issue(&["spiffe://td/a"]);
    let shown = format!("{:?}", own.certificate());
    assert_eq!(shown, r#"ClientCertificate { der: true, uri_names: Some(["spiffe://td/a"]) }"#);
    let nonsense = ClientCertificate::from_der(*b"nonsense");
    assert!(nonsense.uri_names().is_none());
}

//! Callers of a mesh, known by the SPIFFE id in their certificate.

mod served;

use http::Request;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::api_key::{ApiKeyAuthenticator, MemoryApiKeyStore};
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::client_certificate::ForwardedCertificates;
use tower_warden::authn::jwt::JwtValidator;
use tower_warden::authn::mesh::{MeshAuthenticator, SpiffeId};
use tower_warden::client_address::{PeerAddress, TrustedProxies};
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::testing::TestIssuer;

use crate::certificates::Authority;
use crate::support::{Answer, TestBody, ask, get, through};

const SIDECAR: &str = "127.0.0.6:49152";
const HASH: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

fn mesh() -> MeshAuthenticator {
    MeshAuthenticator::new(["example.org", "partner.example"]).unwrap()
}

fn behind_sidecar(layer: AuthenticateLayer) -> AuthenticateLayer {
    let sidecar = TrustedProxies::x_forwarded_for(["127.0.0.0/8"]).unwrap();
    layer.forwarded_certificates(ForwardedCertificates::x_forwarded_client_cert(sidecar))
}

fn from(peer: &str, xfcc: &str, more: &[(&str, &str)]) -> Request<TestBody> {
    let headers = [more, &[("x-forwarded-client-cert", xfcc)]].concat();
    let mut request = get("/", &headers);
    request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
    request
}

fn outcome(answer: &Answer) -> (u16, &'static str) {
    (answer.status, answer.reason())
}

#[tokio::test]
async fn a_workload_becomes_a_machine_principal_of_its_trust_domain() {
    use tower::{Layer, service_fn};
    let whoami = service_fn(async |request: Request<TestBody>| {
        let who = Principal::of(request.extensions()).unwrap();
        assert_eq!(
            who.identity(),
            ("spiffe://example.org", "spiffe://example.org/ns/shop/sa/cart")
        );
        assert_eq!((who.kind(), who.scheme()), (PrincipalKind::Machine, "ClientCertificate"));
        assert!(who.scopes().is_empty() && who.roles().next().is_none());
        assert_eq!(SpiffeId::of(request.extensions()).unwrap().path(), "/ns/shop/sa/cart");
        Ok::<_, std::convert::Infallible>(http::Response::new(TestBody::default()))
    });
    let service = behind_sidecar(AuthenticateLayer::new(mesh())).layer(whoami);
    let xfcc = format!(
        "By=spiffe://example.org/me;Hash={HASH};Subject=\"\";URI=spiffe://example.org/ns/shop/sa/cart"
    );
    assert_eq!(ask(service, from(SIDECAR, &xfcc, &[])).await.status, 200);
}

#[tokio::test]
async fn only_well_formed_ids_of_listed_domains_from_listed_peers_count() {
    let layer = behind_sidecar(AuthenticateLayer::new(mesh()));
    let good = "spiffe://example.org/a";
    for (peer, names, expected) in [
        (SIDECAR, format!("URI={good}"), (200, "")),
        (SIDECAR, format!("URI=\"{good}\""), (200, "")),
        (SIDECAR, "URI=spiffe://partner.example/a".to_owned(), (200, "")),
        ("192.0.2.1:1", format!("URI={good}"), (401, "no_credentials")),
        ("[2001:db8::1]:1", format!("URI={good}"), (401, "no_credentials")),
        (SIDECAR, "DNS=example.org".to_owned(), (401, "spiffe_id_not_one_uri")),
        (SIDECAR, format!("URI={good};URI={good}"), (401, "spiffe_id_not_one_uri")),
        (SIDECAR, format!("URI={good};URI=https://example.org"), (401, "spiffe_id_not_one_uri")),
        (SIDECAR, format!("By={good}"), (401, "spiffe_id_not_one_uri")),
        (SIDECAR, format!("Subject=\"URI={good}\""), (401, "spiffe_id_not_one_uri")),
        (SIDECAR, "URI=".to_owned(), (401, "spiffe_id_malformed")),
        (SIDECAR, "URI=https://example.org/a".to_owned(), (401, "spiffe_id_malformed")),
        (SIDECAR, "URI=spiffe://example.org".to_owned(), (401, "spiffe_id_malformed")),
        (
            SIDECAR,
            "URI=spiffe://evil.example/../example.org/a".to_owned(),
            (401, "spiffe_id_malformed"),
        ),
        (SIDECAR, "URI=spiffe://example.org/a/../b".to_owned(), (401, "spiffe_id_malformed")),
        (SIDECAR, "URI=spiffe://EXAMPLE.org/a".to_owned(), (401, "spiffe_id_malformed")),
        (
            SIDECAR,
            "URI=spiffe://evil.example@example.org/a".to_owned(),
            (401, "spiffe_id_malformed"),
        ),
        (SIDECAR, "URI=spiffe://evil.example/a".to_owned(), (401, "spiffe_trust_domain")),
        (SIDECAR, "URI=spiffe://sub.example.org/a".to_owned(), (401, "spiffe_trust_domain")),
        (SIDECAR, "URI=spiffe://example.org.evil/a".to_owned(), (401, "spiffe_trust_domain")),
    ] {
        let answer = through(&layer, from(peer, &format!("Hash={HASH};{names}"), &[])).await;
        assert_eq!(outcome(&answer), expected, "{peer} {names}");
        if answer.status == 401 {
            assert_eq!(answer.header("www-authenticate"), r#"ClientCertificate realm="api""#);
        }
    }
}

#[tokio::test]
async fn what_a_client_prepends_does_not_name_it() {
    let layer = behind_sidecar(AuthenticateLayer::new(mesh()));
    let evil = format!("Hash={HASH};URI=spiffe://evil.example/a");
    let good = format!("Hash={HASH};URI=spiffe://example.org/a");
    for left in
        [good.clone(), format!("{good};Subject=\""), format!("\"{good}"), format!("{good}\\")]
    {
        let answer = through(&layer, from(SIDECAR, &format!("{left},{evil}"), &[])).await;
        assert_eq!(outcome(&answer), (401, "spiffe_trust_domain"), "{left}");
    }
    let answer = through(&layer, from(SIDECAR, &evil, &[("x-forwarded-client-cert", &good)])).await;
    assert_eq!(outcome(&answer), (400, "several_client_certificate_fields"));
}

#[tokio::test]
async fn a_certificate_that_is_there_says_its_names_itself() {
    let authority = Authority::new();
    let layer = behind_sidecar(AuthenticateLayer::new(mesh()));
    for (uris, told, expected) in [
        (&["spiffe://example.org/a"][..], "spiffe://example.org/a", (200, "")),
        (&["spiffe://evil.example/a"], "spiffe://example.org/a", (401, "spiffe_trust_domain")),
        (
            &["spiffe://example.org/a", "spiffe://example.org/b"],
            "spiffe://example.org/a",
            (401, "spiffe_id_not_one_uri"),
        ),
        (&[], "spiffe://example.org/a", (401, "spiffe_id_not_one_uri")),
    ] {
        let own = authority.issue(uris);
        let xfcc = format!("Hash={};Cert=\"{}\";URI={told}", own.hash(), own.pem());
        assert_eq!(
            outcome(&through(&layer, from(SIDECAR, &xfcc, &[])).await),
            expected,
            "{uris:?}"
        );
    }
}

#[tokio::test]
async fn b2_the_certificate_of_the_connection_steps_back_for_a_credential_of_the_request() {
    let signer = TestIssuer::new("https://issuer.example", "https://api.example");
    let bearer = BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let keys = ApiKeyAuthenticator::new(MemoryApiKeyStore::new());
    let layer = behind_sidecar(AuthenticateLayer::new(mesh())).or(bearer).or(keys);
    let xfcc = format!("Hash={HASH};URI=spiffe://example.org/a");
    let token = format!("Bearer {}", signer.token("ada").sign());
    for (headers, expected) in [
        (&[][..], (200, "")),
        (&[("authorization", &*token)], (200, "")),
        (&[("authorization", "Bearer bad")], (401, "token_malformed")),
        // A scheme that nobody here understands is no reason to fall back on the machine's identity.
        (&[("authorization", "Basic YTpi")], (401, "no_credentials")),
        (&[("x-api-key", "nonsense")], (401, "api_key_malformed")),
        (&[("x-api-key", "nonsense"), ("authorization", &token)], (400, "several_credentials")),
    ] {
        assert_eq!(
            outcome(&through(&layer, from(SIDECAR, &xfcc, headers)).await),
            expected,
            "{headers:?}"
        );
    }
}

#[test]
fn a_mesh_without_a_proper_trust_domain_is_not_built() {
    let problems = |domains: &[&str]| {
        MeshAuthenticator::new(domains.iter().copied())
            .map_or_else(|error| error.problems().len(), |_| 0)
    };
    assert_eq!(problems(&["example.org"]), 0);
    assert_eq!(problems(&[]), 1);
    assert_eq!(
        problems(&["", "*", "spiffe://example.org", "example.org/a", "EXAMPLE.org", "ok"]),
        5
    );
}

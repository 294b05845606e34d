//! Step-up (RFC 9470): policies that ask a person to log in again, or in another way.

use std::time::Duration;

use http::Method;
use tower_warden::authn::AuthenticateLayer;
use tower_warden::authn::bearer::BearerAuthenticator;
use tower_warden::authn::jwt::{Issuer, JwtValidator};
use tower_warden::authz::{
    Policy, PolicyError, Rules, RulesLayer, acr, all_of, any_of, authenticated, check, check_async,
    fresh, fresh_by, not, role, scope,
};
use tower_warden::gate::{Gate, GateLayer, Verdict};
use tower_warden::principal::{Assurance, Principal, PrincipalKind};
use tower_warden::rejection::{Rejection, RejectionKind};
use tower_warden::testing::{FakeClock, TestIssuer};

use crate::support::{Answer, get, through};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";

fn recent(seconds: u64) -> Policy {
    fresh_by(FakeClock::at_unix(NOW), Duration::from_secs(seconds))
}

fn failing() -> Policy {
    check_async("down", |_, _| async { Err(PolicyError::unavailable("down")) })
}

/// Sends a token with these claims through bearer authentication and one rule.
async fn send(policy: Policy, claims: &[(&str, serde_json::Value)], grpc: bool) -> Answer {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).key(signer.verifying_key());
    let validator = JwtValidator::builder().issuer(issuer.build().unwrap());
    let validator = validator.clock(FakeClock::at_unix(NOW)).build().unwrap();
    let rules = Rules::builder().any("/", policy).build().unwrap();
    let stack =
        (AuthenticateLayer::new(BearerAuthenticator::new(validator)), RulesLayer::new(rules));
    let token = claims.iter().fold(signer.token("ada").issued_at(NOW), |token, (name, value)| {
        token.claim(name, value.clone())
    });
    let authorization = format!("Bearer {}", token.sign());
    let mut headers = vec![("authorization", &*authorization)];
    if grpc {
        headers.push(("content-type", "application/grpc"));
    }
    through(&stack, get("/", &headers)).await
}

fn at(auth_time: u64) -> (&'static str, serde_json::Value) {
    ("auth_time", auth_time.into())
}

fn in_context(acr: &str) -> (&'static str, serde_json::Value) {
    ("acr", acr.into())
}

/// What the 401 asks for, behind the fixed part.
fn asked_for(answer: &Answer) -> &str {
    assert_eq!(answer.status, 401, "{}", answer.reason());
    assert_eq!(answer.json()["code"], "insufficient_user_authentication");
    assert_eq!(answer.header("cache-control"), "no-store");
    let challenge = answer.header("www-authenticate");
    let fixed = r#"Bearer realm="api", error="insufficient_user_authentication", "#;
    challenge.strip_prefix(fixed).unwrap_or_else(|| panic!("{challenge}"))
}

#[tokio::test]
async fn b12_a_log_in_that_is_too_old_or_unknown_is_asked_for_again() {
    for (claims, reason) in [
        (&[at(NOW)][..], ""),
        (&[at(NOW - 300)], ""),
        (&[at(NOW + 60)], ""),
        (&[at(NOW - 301)], "authentication_too_old"),
        (&[at(NOW + 61)], "authentication_too_old"),
        (&[at(0)], "authentication_too_old"),
        (&[], "authentication_too_old"),
    ] {
        let answer = send(recent(300), claims, false).await;
        assert_eq!(answer.reason(), reason, "{claims:?}");
        if reason.is_empty() {
            assert_eq!(answer.status, 200);
        } else {
            assert_eq!(asked_for(&answer), r#"max_age="300""#);
        }
    }
}

#[tokio::test]
async fn b12_a_weaker_context_is_asked_for_again_and_values_are_compared_exactly() {
    let policy = || acr(["urn:example:gold", "urn:example:platinum"]);
    for accepted in ["urn:example:gold", "urn:example:platinum"] {
        assert_eq!(send(policy(), &[in_context(accepted)], false).await.status, 200);
    }
    for claims in [
        &[][..],
        &[in_context("")],
        &[in_context("urn:example:silver")],
        &[in_context("URN:EXAMPLE:GOLD")],
        &[in_context("urn:example:gold urn:example:platinum")],
        &[("amr", serde_json::json!(["urn:example:gold"]))],
    ] {
        let answer = send(policy(), claims, false).await;
        assert_eq!(asked_for(&answer), r#"acr_values="urn:example:gold urn:example:platinum""#);
        assert_eq!(answer.reason(), "authentication_too_weak");
    }
}

#[tokio::test]
async fn b12_over_grpc_it_is_unauthenticated_with_the_same_challenge() {
    let answer = send(recent(300), &[], true).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, "16"));
    assert!(answer.header("www-authenticate").ends_with(r#"max_age="300""#));
}

#[tokio::test]
async fn b12_it_is_asked_for_only_where_nothing_else_stands_in_the_way() {
    let ask = async |policy| {
        let answer = send(policy, &[("scope", "held".into())], false).await;
        (answer.status, answer.reason())
    };
    let (old, weak) = ((401, "authentication_too_old"), (401, "authentication_too_weak"));
    let yes = || check_async("yes", |_, _| async { Ok(true) });
    let no = || check_async("no", |_, _| async { Ok(false) });
    for (policy, expected) in [
        (all_of([recent(60), scope("held")]), old),
        (all_of([scope("held"), recent(60), authenticated()]), old),
        (all_of([recent(60), scope("wanted")]), (403, "scope_missing")),
        (all_of([scope("wanted"), recent(60)]), (403, "scope_missing")),
        (all_of([recent(60), role("admin")]), (403, "role_missing")),
        (all_of([recent(60), yes()]), old),
        (all_of([recent(60), no()]), (403, "policy_denied")),
        (all_of([recent(60), failing()]), (503, "policy_unavailable")),
        (all_of([recent(60), all_of([acr(["gold"]), no()])]), (403, "policy_denied")),
        (any_of([recent(60), scope("held")]), (200, "")),
        (any_of([recent(60), scope("wanted")]), old),
        (any_of([role("admin"), recent(60)]), old),
        (any_of([role("admin"), all_of([role("staff"), recent(60)])]), (403, "role_missing")),
        (any_of([recent(60), yes()]), (200, "")),
        (any_of([recent(60), no()]), old),
        (any_of([recent(60), failing()]), (503, "policy_unavailable")),
        (any_of([acr(["gold"]), recent(60)]), weak),
        (all_of([recent(60), not(scope("held"))]), (403, "policy_denied")),
        (all_of([recent(60), not(scope("wanted"))]), old),
    ] {
        let text = policy.to_string();
        assert_eq!(ask(policy).await, expected, "{text}");
    }
}

#[tokio::test]
async fn b12_several_demands_are_asked_for_at_once() {
    for (policy, expected) in [
        (all_of([recent(60), acr(["gold"])]), r#"acr_values="gold", max_age="60""#),
        (all_of([acr(["gold"]), recent(60)]), r#"acr_values="gold", max_age="60""#),
        (all_of([recent(600), recent(60)]), r#"max_age="60""#),
        (all_of([acr(["a", "b", "c"]), acr(["c", "b"])]), r#"acr_values="b c""#),
        // Of alternatives the one that everything else allows, so that the new token is accepted.
        (
            any_of([
                all_of([role("admin"), acr(["gold"])]),
                all_of([scope("held"), acr(["silver"])]),
            ]),
            r#"acr_values="silver""#,
        ),
    ] {
        let text = policy.to_string();
        let answer = send(policy, &[("scope", "held".into())], false).await;
        assert_eq!(asked_for(&answer), expected, "{text}");
    }
    let impossible = send(all_of([acr(["a"]), acr(["b"])]), &[], false).await;
    assert_eq!((impossible.status, impossible.reason()), (403, "policy_denied"));
}

#[tokio::test]
async fn b12_who_is_no_person_cannot_log_in_again() {
    let answer = send(recent(60), &[("client_id", "ada".into())], false).await;
    assert_eq!((answer.status, answer.reason()), (403, "authentication_too_old"));
    assert!(answer.all("www-authenticate").is_empty());
}

#[tokio::test]
async fn b10_b12_the_error_is_on_the_scheme_that_was_tried() {
    use tower_warden::authn::api_key::{ApiKeyAuthenticator, MemoryApiKeyStore};
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let bearer = BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let keys = ApiKeyAuthenticator::new(MemoryApiKeyStore::new());
    let rules = Rules::builder().get("/", fresh(Duration::from_secs(60))).build().unwrap();
    let stack = (AuthenticateLayer::new(keys).or(bearer), RulesLayer::new(rules));
    let token = format!("Bearer {}", signer.token("ada").sign());
    let answer = through(&stack, get("/", &[("authorization", &token)])).await;
    assert_eq!(
        answer.all("www-authenticate"),
        [
            r#"ApiKey realm="api""#,
            r#"Bearer realm="api", error="insufficient_user_authentication", max_age="60""#,
        ]
    );
    assert_eq!(answer.rejection().unwrap().kind(), RejectionKind::InsufficientUserAuthentication);
}

/// A control of one's own that asks for a step-up.
#[derive(Clone, Debug)]
struct Asks(&'static str);

impl Gate for Asks {
    type Pass = ();

    fn admit(&self, _: &mut http::request::Parts) -> Verdict<()> {
        Verdict::refuse(
            Rejection::new(RejectionKind::InsufficientUserAuthentication, "asked")
                .with_tried_scheme("Bearer")
                .with_acr_values(self.0.into())
                .with_max_age(Duration::from_millis(5900)),
        )
    }
}

#[tokio::test]
async fn b9_b12_a_handlers_values_stay_inside_their_quotes() {
    let signer = TestIssuer::new(ISSUER, AUDIENCE);
    let bearer = || BearerAuthenticator::new(JwtValidator::new(signer.trust().unwrap()));
    let token = format!("Bearer {}", signer.token("ada").sign());
    for (values, expected) in [
        ("gold silver", r#"acr_values="gold silver", max_age="5""#),
        ("a\", realm=\"evil", r#"max_age="5""#),
        ("a\\", r#"max_age="5""#),
        ("a\r\nx: y", r#"max_age="5""#),
        ("\u{e4}", r#"max_age="5""#),
    ] {
        let stack = (AuthenticateLayer::new(bearer()), GateLayer::new(Asks(values)));
        let answer = through(&stack, get("/", &[("authorization", &token)])).await;
        assert_eq!(asked_for(&answer), expected, "{values:?}");
    }
}

#[test]
fn b12_policies_that_cannot_be_asked_for_are_refused_at_start_up() {
    let minute = Duration::from_secs(60);
    let none: [&str; 0] = [];
    let problems = |policy| {
        let built = Rules::builder().route(Method::GET, "/", policy).build();
        built.map_or_else(|error| error.problems().len(), |_| 0)
    };
    assert_eq!(problems(all_of([fresh(minute), acr(["gold"])])), 0);
    for policy in [
        fresh(Duration::ZERO),
        fresh(Duration::from_millis(1500)),
        acr(none),
        acr([""]),
        acr(["a b"]),
        acr(["a\"b"]),
        not(fresh(minute)),
        not(acr(["0"])),
        not(all_of([scope("a"), fresh(minute)])),
        not(any_of([check("x", |_, _| true), acr(["0"])])),
    ] {
        let text = policy.to_string();
        assert_eq!(problems(policy), 1, "{text}");
    }
}

#[tokio::test]
async fn b12_an_authenticator_of_ones_own_says_how_a_person_logged_in() {
    let rules = RulesLayer::new(Rules::builder().get("/", acr(["gold"])).build().unwrap());
    for (acr, expected) in [(Some("gold"), 200), (Some("silver"), 401), (None, 401)] {
        let mut assurance = Assurance::default();
        assurance.acr = acr.map(str::to_owned);
        let ada = Principal::builder(ISSUER, "ada", PrincipalKind::User, "Own");
        let mut request = get("/", &[]);
        request.extensions_mut().insert(ada.assurance(assurance).build());
        assert_eq!(through(&rules, request).await.status, expected);
    }
}

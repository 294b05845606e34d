//! What a million and ten million keys of a rate limiter cost in memory, and the dearest request while they come; what
//! a remembered token costs, and a principal whose scopes are recorded.

use std::cell::Cell;
use std::time::{Duration, Instant};

use http::{Request, request};
use tower::Layer;
use tower_warden::authn::jwt::{Algorithm, JwtValidator};
use tower_warden::authz::scope_use::ScopeUse;
use tower_warden::authz::{Rules, RulesLayer, scope};
use tower_warden::client_address::ClientAddress;
use tower_warden::gate::{Gate, Verdict};
use tower_warden::principal::{Principal, PrincipalKind, Scopes};
use tower_warden::rate_limit::{Limit, Quota, RateLimitLayer};
use tower_warden::testing::TestIssuer;

use super::rate_limit::address;
use crate::harness::{Bare, get, live_bytes, service, tokens::ISSUER};

/// The dearest request is the least of so many fillings: a machine that was busy elsewhere makes one dear at random.
const FILLINGS: usize = 3;

pub(crate) fn report() {
    println!("| keys | bytes a key | dearest request |");
    println!("|---|--:|--:|");
    for keys in [1_000_000, 10_000_000] {
        let by_address = || Limit::by_address("address", QUOTA);
        row(&format!("{keys} addresses"), keys, by_address, |head, number| {
            head.extensions.insert(ClientAddress::new(address(number)));
        });
        let by_principal = || Limit::by_principal("principal", QUOTA);
        row(&format!("{keys} principals"), keys, by_principal, |head, number| {
            let subject = format!("{number:010}");
            let user = Principal::builder(ISSUER, subject, PrincipalKind::User, "Bearer");
            head.extensions.insert(user.build());
        });
    }
}

/// A million tokens in the cache of a validator.
pub(crate) fn report_tokens() {
    const TOKENS: u32 = 1_000_000;
    const AUDIENCE: &str = "https://api.example";
    let signer = TestIssuer::with_algorithm(ISSUER, AUDIENCE, Algorithm::Hs256);
    let issuer = signer.trust().expect("a sound issuer");
    let validator = JwtValidator::builder().issuer(issuer).cache_bytes(usize::MAX >> 1);
    let validator = validator.build().expect("a sound validator");
    let (before, mut claims) = (live_bytes(), 0);
    for number in 0..TOKENS {
        let token = signer.token(&format!("user-{number:07}")).scope("orders:read").sign();
        let payload = token.split('.').nth(1).expect("three parts");
        claims += payload.len() * 3 / 4;
        validator.validate(&token).expect("our own token");
    }
    let bytes = live_bytes() - before;
    let each = |bytes: usize| bytes as f64 / validator.cached_tokens() as f64;
    println!("\n| tokens | bytes a token | of that, the text of its claims | beside it |");
    println!("|---|--:|--:|--:|");
    println!(
        "| {} | {:.0} | {:.0} | {:.0} |",
        validator.cached_tokens(),
        each(bytes),
        each(claims),
        each(bytes - claims)
    );
}

/// A hundred thousand principals with five scopes each, in a recorder of granted and used scopes.
pub(crate) fn report_scope_use() {
    const PRINCIPALS: u32 = 100_000;
    let scope_use = ScopeUse::new(PRINCIPALS as usize);
    let rules = Rules::builder().get("/", scope("orders:read")).build().expect("a sound table");
    let layer = RulesLayer::new(rules).scope_use(&scope_use);
    let (number, anonymous) = (Cell::new(0), get("/", &[]));
    let next = move || {
        number.set(number.get() + 1);
        let subject = format!("{:010}", number.get());
        let user = Principal::builder(ISSUER, subject, PrincipalKind::User, "Bearer");
        let scopes = "orders:read orders:write customers:read customers:write reports:read";
        let mut request = anonymous();
        request.extensions_mut().insert(user.scopes(Scopes::parse(scopes)).build());
        request
    };
    let before = live_bytes();
    service(layer.layer(Bare), next, 200)(u64::from(PRINCIPALS));
    let bytes = live_bytes() - before;
    println!("\n| principals | bytes a principal with five scopes |");
    println!("|---|--:|");
    println!("| {PRINCIPALS} | {:.0} |", bytes as f64 / f64::from(PRINCIPALS));
}

/// Slow enough that no bucket is full again, and its slot free, before the last key came.
const QUOTA: Quota = Quota::per_day(1_000);

fn row(name: &str, keys: u32, limit: impl Fn() -> Limit, mark: impl Fn(&mut request::Parts, u32)) {
    let filled = (0..FILLINGS).map(|_| fill(limit().capacity(keys as usize), keys, &mark));
    let (bytes, dearest) = filled.min_by_key(|(_, dearest)| *dearest).expect("at least one");
    println!("| {name} | {:.1} | {dearest:?} |", bytes as f64 / f64::from(keys));
}

fn fill(limit: Limit, keys: u32, mark: impl Fn(&mut request::Parts, u32)) -> (usize, Duration) {
    let (mut head, ()) = Request::new(()).into_parts();
    mark(&mut head, 0);
    let before = live_bytes();
    let limit =
        RateLimitLayer::builder().limit(limit).without_headers().build().expect("a sound limiter");
    let mut dearest = Duration::ZERO;
    for number in 0..keys {
        mark(&mut head, number);
        let started = Instant::now();
        let verdict = limit.admit(&mut head);
        dearest = dearest.max(started.elapsed());
        assert!(matches!(verdict, Verdict::Ready(Ok(_))), "a new key is admitted");
    }
    (live_bytes() - before, dearest)
}

//! Rate limiting by address and by principal, with one key and with many, admitting and refusing.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::Layer;
use tower_warden::client_address::ClientAddress;
use tower_warden::principal::{Principal, PrincipalKind};
use tower_warden::rate_limit::{Quota, RateLimitBuilder, RateLimitLayer};

use crate::harness::{Bare, Case, Run, case, get, service, tokens::ISSUER};

const MANY: u32 = 100_000;
const MILLION: u32 = 1_000_000;

pub(crate) fn bare_case() -> Case {
    case("an empty 200, caller's address and principal known", || {
        service(Bare, from_callers(1), 200)
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("by address, 1 key", || admitting(by_address().without_headers(), 1)),
        case("by address, 100,000 keys", || admitting(by_address().without_headers(), MANY)),
        case("by address, 1,000,000 keys", || admitting(by_address().without_headers(), MILLION)),
        case("by principal, 1 key", || admitting(by_principal().without_headers(), 1)),
        case("by principal, 100,000 keys", || admitting(by_principal().without_headers(), MANY)),
        case("by address, fields on success, 1 key", || admitting(by_address(), 1)),
        case("by address, fields on success, 100,000 keys", || admitting(by_address(), MANY)),
        case("by principal, fields on success, 1 key", || admitting(by_principal(), 1)),
        case("by address, refusing with problem body and fields", refusing),
    ]
}

/// A quota that no loop can use up.
const PLENTY: Quota = Quota::per_second(1_000_000_000).burst(1_000_000);

fn by_address() -> RateLimitBuilder {
    RateLimitLayer::by_address("address", PLENTY)
}

fn by_principal() -> RateLimitBuilder {
    RateLimitLayer::by_principal("principal", PLENTY)
}

pub(crate) fn address(caller: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + caller).into()
}

/// Requests of so many callers in turn, each with an address and a principal.
fn from_callers(callers: u32) -> impl Fn() -> Request<Full<Bytes>> + 'static {
    let request = get("/", &[]);
    let principals: Vec<Principal> = (0..callers)
        .map(|number| {
            let subject = format!("{number:010}");
            Principal::builder(ISSUER, subject, PrincipalKind::User, "Bearer").build()
        })
        .collect();
    let next = Cell::new(0);
    move || {
        let caller = (next.get() + 7_919) % callers; // a prime: neighbours in time are none in memory
        next.set(caller);
        let mut request: Request<_> = request();
        request.extensions_mut().insert(ClientAddress::new(address(caller)));
        request.extensions_mut().insert(principals[caller as usize].clone());
        request
    }
}

/// After each caller was there once.
fn admitting(limit: RateLimitBuilder, callers: u32) -> Run {
    let limit = limit.build().expect("a sound limiter");
    let mut run = service(limit.layer(Bare), from_callers(callers), 200);
    run(callers.into());
    Box::new(run)
}

fn refusing() -> Run {
    let limit = RateLimitLayer::by_address("address", Quota::per_hour(1)).build();
    let limit = limit.expect("a sound limiter");
    let mut first = service(limit.layer(Bare), from_callers(1), 200);
    first(1);
    Box::new(service(limit.layer(Bare), from_callers(1), 429))
}

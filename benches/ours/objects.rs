//! Object checks: a handler that asks a synchronous policy, behind a rule that waits for it.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_warden::authz::object::{ActionKind, Guard, ObjectPolicy, Read, Ruling};
use tower_warden::authz::{Access, Rules, RulesLayer, scope};
use tower_warden::principal::Principal;
use tower_warden::warden::Warden;

use super::stack::peer;
use super::tokens::trust;
use super::{SUBJECT, caller, with};
use crate::harness::{Case, Run, case, function, get, service, tokens::Signer};

pub(crate) struct Order {
    pub(crate) owner: &'static str,
}

/// An order of whoever asks.
pub(crate) const fn own() -> Order {
    Order { owner: SUBJECT }
}

struct OwnersOnly;

impl ObjectPolicy<Order> for OwnersOnly {
    fn judge<'a>(&'a self, caller: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        (caller.subject() == order.owner).into()
    }
}

type Plain = Full<Bytes>;

const ORDER: &str = "/orders/17";

pub(crate) fn alone_case() -> Case {
    case("rules that declare no objects", || alone(scope("orders:read").into(), false))
}

pub(crate) fn alone_cases() -> Vec<Case> {
    vec![case("object check and tripwire", || alone(serving(), true))]
}

pub(crate) fn stack_case() -> Case {
    case("a Warden whose rules declare no objects", || stacked(scope("orders:read").into(), false))
}

pub(crate) fn stack_cases() -> Vec<Case> {
    vec![case("object check and tripwire, in a Warden", || stacked(serving(), true))]
}

/// The check alone, by a guard that was made for a job: nothing of a request and its tripwire.
#[allow(dead_code, reason = "beside the neighbours only")]
pub(crate) fn asked_cases() -> Vec<Case> {
    vec![
        case("tower-warden, one object", || {
            let guard = Guard::new(caller(), OwnersOnly);
            Box::new(function(move || {
                let answer = guard.check(Read, &own()).now_or_never().expect("nothing waits");
                answer.expect("allowed");
            }))
        }),
        case("tower-warden, a list of 100, filtered", || {
            let guard = Guard::new(caller(), OwnersOnly);
            Box::new(function(move || {
                let orders = (0..100).map(|_| own());
                let filtered = guard.filter(Read, orders).now_or_never().expect("nothing waits");
                filtered.expect("judged").len()
            }))
        }),
    ]
}

fn serving() -> Access {
    scope("orders:read").serving::<Order>().by(Read)
}

fn rules(access: Access) -> Rules {
    let rules = Rules::builder().object_policy(OwnersOnly).get("/orders/{id}", access);
    rules.build().expect("a sound table")
}

fn alone(access: Access, asks: bool) -> Run {
    let layer = RulesLayer::new(rules(access));
    let handler = service_fn(move |request| handler(request, asks));
    Box::new(service(layer.layer(handler), with(caller(), get(ORDER, &[])), 200))
}

fn stacked(access: Access, asks: bool) -> Run {
    let signer = Signer::rs256();
    let warden = Warden::builder().trust_issuer(trust(&signer)).rules(rules(access));
    let warden = warden.insecure_without_rate_limits().build().expect("a sound stack");
    let handler = service_fn(move |request| handler(request, asks));
    let request = with(peer(), get(ORDER, &[("authorization", &signer.bearer())]));
    Box::new(service(warden.layer(handler), request, 200))
}

/// Answers the same, whether it asks or not.
async fn handler(request: Request<Plain>, asks: bool) -> Result<Response<Plain>, Infallible> {
    if asks {
        let order = own();
        let guard = Guard::<Order>::of(request.extensions()).expect("the rule serves orders");
        assert!(guard.check(Read, &order).await.is_ok());
    }
    Ok(Response::new(Plain::default()))
}

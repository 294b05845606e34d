//! Guards: one that is made for a request, and what it costs to ask it; without the rules and the tripwire around it.

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Extensions, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::authz::object::{ActionKind, Decision, Guard, Permit, Read};
use tower_warden::authz::{Rules, RulesLayer, authenticated};
use tower_warden::principal::Principal;

use super::{caller, with};
use crate::harness::{Case, Run, case, function, get};

struct Order {
    tenant: &'static str,
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("a guard and a permit", permitted),
        case("a list of 100, filtered", || filtered(100)),
        case("a list of 10,000, filtered", || filtered(10_000)),
    ]
}

fn same_tenant(caller: &Principal, _: ActionKind, order: &Order) -> Decision {
    (caller.tenant() != Some(order.tenant)).into()
}

/// What a request carries when its handler is called.
fn carried() -> Extensions {
    let rules =
        Rules::builder().object_policy(same_tenant).get("/", authenticated().serving::<Order>());
    let (send, receive) = std::sync::mpsc::channel();
    let handler = service_fn(move |request: http::Request<Full<Bytes>>| {
        send.send(request.extensions().clone()).expect("somebody waits");
        async { Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let asked = RulesLayer::new(rules.build().expect("a sound table")).layer(handler);
    let request = with(caller(), get("/", &[]))();
    asked.oneshot(request).now_or_never().expect("nothing waits").expect("an answer");
    receive.recv().expect("the handler was called")
}

fn permitted() -> Run {
    let extensions = carried();
    Box::new(function(move || {
        let guard = Guard::of(&extensions).expect("the rule serves orders");
        let permit = guard.permit(Read, Order { tenant: "acme" }).now_or_never();
        permit.expect("nothing waits").map(Permit::into_object).expect("allowed").tenant.len()
    }))
}

fn filtered(length: usize) -> Run {
    let guard = Guard::<Order>::of(&carried()).expect("the rule serves orders");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Box::new(function(move || {
        let orders = (0..length).map(|_| Order { tenant: "acme" });
        runtime.block_on(guard.filter(Read, orders)).expect("judged").len()
    }))
}

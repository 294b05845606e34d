//! gatehouse: a checker with one policy asked about one object and about a list, as our guard is.

use futures_util::FutureExt;
use gatehouse::{EvaluationSession, PermissionChecker, PolicyBuilder, PolicyDomain};
use tower_warden::principal::Principal;

use crate::harness::{Case, Run, case, function};
use crate::ours::caller;
use crate::ours::objects::{Order, own};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("gatehouse, one object", one),
        case("gatehouse, a list of 100, filtered", || filtered(100)),
    ]
}

struct Read;
struct Orders;

impl PolicyDomain for Orders {
    type Subject = Principal;
    type Action = Read;
    type Resource = Order;
    type Context = ();
}

fn checker() -> PermissionChecker<Orders> {
    let owner = PolicyBuilder::<Orders>::new("Owner")
        .when(|caller, _, order, ()| caller.subject() == order.owner)
        .build();
    let mut checker = PermissionChecker::new();
    checker.add_policy(owner);
    checker
}

fn one() -> Run {
    let (checker, caller) = (checker(), caller());
    Box::new(function(move || {
        let session = EvaluationSession::empty();
        let bound = checker.bind(&session, &caller, &Read, &());
        let answer = bound.authorize(&own()).now_or_never().expect("nothing waits");
        answer.expect("allowed");
    }))
}

fn filtered(length: usize) -> Run {
    let (checker, caller) = (checker(), caller());
    Box::new(function(move || {
        let session = EvaluationSession::empty();
        let bound = checker.bind(&session, &caller, &Read, &());
        let orders = (0..length).map(|_| own()).collect::<Vec<_>>();
        let filtered = bound.try_filter(orders).now_or_never().expect("nothing waits");
        filtered.ok().expect("judged").len()
    }))
}

//! What gets objects past their check: checks that are given up, guards that are kept, requests side by side.

use std::convert::Infallible;
use std::future::pending;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::join_all;
use http::{Method, Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_warden::authz::object::{ActionKind, Delete, Guard, ObjectPolicy, Read, Ruling, Rulings};
use tower_warden::authz::{Rules, RulesLayer, authenticated};
use tower_warden::principal::{Principal, PrincipalKind};

use crate::support::{Answer, TestBody, ask, request};

#[derive(Clone, Copy)]
struct Order(u64);

/// Even ones are everybody's; the backend that knows of odd ones has stalled; of sevens, it lies.
struct Stalled;

impl ObjectPolicy<Order> for Stalled {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        match order.0 {
            7 => Ruling::hide(),
            odd if odd % 2 == 1 => Ruling::ask(pending()),
            _ => Ruling::ask(async {
                tokio::task::yield_now().await;
                Ok(true.into())
            }),
        }
    }

    fn judge_all<'a>(
        &'a self,
        _: &'a Principal,
        _: ActionKind,
        orders: &'a [Order],
    ) -> Rulings<'a> {
        match orders {
            [Order(1), ..] => Rulings::ask(pending()),
            _ => Rulings::known(orders.iter().skip(1).map(|_| true)),
        }
    }
}

fn rules() -> RulesLayer {
    let rules = Rules::builder().object_policy(Stalled);
    RulesLayer::new(rules.any("/orders/{id}", authenticated().serving::<Order>()).build().unwrap())
}

fn asks_for(id: u64) -> Request<TestBody> {
    let mut request = request(Method::GET, &format!("/orders/{id}"), &[]);
    let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer");
    request.extensions_mut().insert(ada.build());
    request
}

/// Asks through the rules a handler that has a guard.
async fn asked<F>(id: u64, handler: impl Fn(Guard<Order>) -> F + Clone + Send + 'static) -> Answer
where
    F: Future<Output = ()> + Send + 'static,
{
    let service = service_fn(move |request: Request<TestBody>| {
        let handled = handler(Guard::of(request.extensions()).unwrap());
        async {
            handled.await;
            Ok::<_, Infallible>(Response::new(TestBody::from("the order")))
        }
    });
    ask(rules().layer(service), asks_for(id)).await
}

/// A handler that has no patience with the policy, and goes on when the answer does not come.
#[tokio::test]
async fn z9_a_check_that_is_given_up_is_a_denial() {
    let impatient = async |guard: Guard<Order>| {
        assert!(guard.check(Read, &Order(2)).await.is_ok());
        let other = tokio::time::timeout(Duration::from_millis(1), guard.check(Read, &Order(1)));
        if let Ok(Err(_denied)) = other.await {
            panic!("there is no answer to come");
        }
    };
    let answer = asked(2, impatient).await;
    assert_eq!((answer.status, answer.reason()), (403, "authz_denial_swallowed"));

    let permits = async |guard: Guard<Order>| {
        assert!(guard.permit(Read, Order(2)).await.is_ok());
        _ = tokio::time::timeout(Duration::from_millis(1), guard.permit(Delete, Order(1))).await;
    };
    assert_eq!(asked(2, permits).await.reason(), "authz_denial_swallowed");

    for many in [true, false] {
        let lists = move |guard: Guard<Order>| async move {
            assert!(guard.check(Read, &Order(2)).await.is_ok());
            let patience = Duration::from_millis(1);
            if many {
                _ = tokio::time::timeout(patience, guard.permit_all(Delete, [Order(1)])).await;
            } else {
                _ = tokio::time::timeout(patience, guard.filter(Read, [Order(1)])).await;
            }
        };
        assert_eq!(asked(2, lists).await.reason(), "authz_denial_swallowed", "{many}");
    }

    // What is no check is none when it is given up either, nor is one that was never begun.
    let offers = async |guard: Guard<Order>| {
        assert!(guard.check(Read, &Order(2)).await.is_ok());
        drop(guard.check(Read, &Order(1)));
        _ = tokio::time::timeout(Duration::from_millis(1), guard.allows(Read, &Order(1))).await;
    };
    assert_eq!(asked(2, offers).await.status, 200);
}

/// The answer has one decision less than there are objects.
#[tokio::test]
async fn z9_a_policy_that_lies_about_a_list_denies_it() {
    let lists = async |guard: Guard<Order>| {
        assert!(guard.check(Read, &Order(2)).await.is_ok());
        assert!(guard.filter(Read, [Order(7), Order(2)]).await.is_err());
    };
    assert_eq!(asked(2, lists).await.reason(), "authz_denial_swallowed");
}

/// One handler keeps its guard for good; all others ask it too, and run side by side.
#[tokio::test]
async fn z4_what_one_request_was_allowed_is_nothing_to_another() {
    static KEPT: OnceLock<Guard<Order>> = OnceLock::new();
    let service = service_fn(async |request: Request<TestBody>| {
        let id: u64 = request.uri().path().rsplit('/').next().unwrap().parse().unwrap();
        let guard = Guard::of(request.extensions()).unwrap();
        let kept = KEPT.get_or_init(|| Guard::of(request.extensions()).unwrap());
        assert!(kept.permit(Read, Order(2)).await.is_ok());
        match id {
            2 => assert!(guard.check(Read, &Order(2)).await.is_ok()),
            7 => assert!(guard.check(Read, &Order(7)).await.is_err()),
            _ => {}
        }
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new(TestBody::from("the order")))
    });
    let service = rules().layer(service);
    let ids: Vec<u64> = (0..300).map(|number| [2, 7, 4][number % 3]).collect();
    let asked = ids.iter().map(|id| service.clone().oneshot(asks_for(*id)));
    for (id, answer) in ids.iter().zip(join_all(asked).await) {
        let expected = match id {
            2 => 200,
            7 => 404,
            _ => 500,
        };
        assert_eq!(answer.unwrap().status(), expected, "{id}");
    }
}

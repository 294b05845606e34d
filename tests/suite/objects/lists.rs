//! Many objects at once: filters, permits, streams, and that the policy is asked once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tower_warden::Principal;
use tower_warden::authz::PolicyError;
use tower_warden::authz::object::{
    ActionKind, Decision, Delete, Denied, Guard, ObjectPolicy, Permit, Read, Ruling, Rulings,
};

use super::shop::{ORDERS, Order, ShopPolicy, found, ids};
use super::{caller, guard, told};

#[tokio::test]
async fn z10_a_filter_keeps_what_is_allowed_in_its_order() {
    let policy = ShopPolicy::default();
    let guard = guard(policy.clone());
    assert_eq!(ids(guard.filter(Read, ORDERS).await.unwrap()), [1, 5]);
    assert_eq!(ids(guard.filter(Read, ORDERS.into_iter().rev()).await.unwrap()), [5, 1]);
    let permits = guard.permit_allowed(Delete, ORDERS).await.unwrap();
    assert_eq!(ids(permits.into_iter().map(Permit::into_object)), [1, 5]);
    assert!(guard.filter(Read, Vec::new()).await.unwrap().is_empty());
    assert_eq!(policy.asked_of_all.load(Ordering::SeqCst), 3, "no question about nothing");
    assert_eq!(policy.asked.load(Ordering::SeqCst), 0, "no question about each");
}

#[tokio::test]
async fn z7_permits_for_all_tell_of_the_absent_and_the_hidden_before_the_forbidden() {
    let guard = guard(ShopPolicy::default());
    for (wanted, expected) in [
        (&[][..], Ok(vec![])),
        (&[5, 1][..], Ok(vec![5, 1])),
        (&[1, 3], Err((403, "object_forbidden"))),
        (&[3, 4, 1], Err((404, "object_hidden"))),
        (&[4, 3], Err((404, "object_hidden"))),
        (&[3, 9], Err((404, "object_not_found"))),
        (&[9, 4, 3], Err((404, "object_not_found"))),
        (&[9], Err((404, "object_not_found"))),
    ] {
        let permits = guard.permit_all(Delete, wanted.iter().map(|id| found(*id))).await;
        let got = permits
            .map(|permits| ids(permits.into_iter().map(Permit::into_object)))
            .map_err(|denied| told(&denied));
        assert_eq!(got, expected, "{wanted:?}");
    }
}

/// Allows everything, with so many decisions too many or too few.
struct Miscounting(isize);

impl ObjectPolicy<Order> for Miscounting {
    fn judge<'a>(
        &'a self,
        caller: &'a Principal,
        action: ActionKind,
        order: &'a Order,
    ) -> Ruling<'a> {
        self.judge_all(caller, action, std::slice::from_ref(order)).into_only()
    }

    fn judge_all<'a>(
        &'a self,
        _: &'a Principal,
        _: ActionKind,
        orders: &'a [Order],
    ) -> Rulings<'a> {
        let decisions = vec![Decision::Allow; orders.len().saturating_add_signed(self.0)];
        if orders.first().is_some_and(|order| order.id == 1) {
            Rulings::known(decisions)
        } else {
            Rulings::ask(async { Ok(decisions) })
        }
    }
}

#[tokio::test]
async fn z9_an_answer_of_the_wrong_length_denies_all() {
    for (off, allowed) in [(0, true), (-1, false), (1, false), (-5, false)] {
        let guard = Guard::new(caller("ada", "acme"), Miscounting(off));
        for orders in [&ORDERS[..], &ORDERS[1..]] {
            let kept = guard.filter(Read, orders.to_vec()).await;
            let all = guard.permit_all(Read, orders.to_vec()).await;
            let one = guard.permit(Read, orders[0].clone()).await;
            if allowed {
                assert_eq!(kept.unwrap(), orders);
                assert_eq!((all.unwrap().len(), one.unwrap().id), (orders.len(), orders[0].id));
            } else {
                for denied in [kept.unwrap_err(), all.unwrap_err(), one.unwrap_err()] {
                    assert_eq!(told(&denied), (403, "policy_failed"), "{off}");
                }
            }
        }
    }
}

/// Two methods that only ask each other.
struct Circular;

impl ObjectPolicy<Order> for Circular {
    fn judge<'a>(
        &'a self,
        caller: &'a Principal,
        action: ActionKind,
        order: &'a Order,
    ) -> Ruling<'a> {
        self.judge_all(caller, action, std::slice::from_ref(order)).into_only()
    }
}

#[tokio::test]
async fn z9_a_policy_whose_methods_ask_each_other_denies() {
    let guard = Guard::new(caller("ada", "acme"), Circular);
    assert_eq!(told(&guard.filter(Read, ORDERS).await.unwrap_err()), (403, "policy_failed"));
}

/// Takes 300 ms for each.
struct Slow;

impl ObjectPolicy<u64> for Slow {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, _: &'a u64) -> Ruling<'a> {
        Ruling::ask(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok(Decision::Allow)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn z9_a_list_that_is_judged_one_by_one_has_one_time_limit() {
    let guard = Guard::new(caller("ada", "acme"), Slow);
    assert_eq!(guard.filter(Read, 0..6).await.unwrap().len(), 6);
    assert_eq!(told(&guard.filter(Read, 0..7).await.unwrap_err()), (403, "policy_timed_out"));
}

#[tokio::test]
async fn a_list_of_a_million_is_judged_and_lets_other_tasks_run() {
    let even =
        |_: &Principal, _: ActionKind, number: &u32| Decision::from(number.is_multiple_of(2));
    let guard = Guard::new(caller("ada", "acme"), even);
    let runs = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let runs = Arc::clone(&runs);
        async move {
            loop {
                runs.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    assert_eq!(guard.filter(Read, 0..1_000_000).await.unwrap().len(), 500_000);
    other.abort();
    assert!(runs.load(Ordering::SeqCst) > 100);
}

/// Cannot tell about order 4.
struct DownForFour;

impl ObjectPolicy<Order> for DownForFour {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        match order.id {
            4 => Ruling::failed(PolicyError::unavailable("down")),
            _ => Ruling::allow(),
        }
    }
}

#[tokio::test]
async fn z10_a_stream_keeps_what_is_allowed_until_its_first_error() {
    let source = || stream::iter(ORDERS).map(Ok::<_, Failed>);
    let policy = ShopPolicy::default();
    let kept: Vec<_> = guard(policy.clone()).filter_stream(Read, source()).collect().await;
    assert_eq!(kept, [Ok(ORDERS[0].clone()), Ok(ORDERS[4].clone())]);
    assert_eq!(
        policy.asked_of_all.load(Ordering::SeqCst),
        1,
        "what is there at once is one question"
    );

    let broken = source().take(3).chain(stream::iter([Err(Failed::Source)])).chain(source());
    let kept: Vec<_> = guard(policy).filter_stream(Read, broken).collect().await;
    assert_eq!(kept, [Ok(ORDERS[0].clone()), Err(Failed::Source)]);

    // One at a time: what was judged before has left.
    let single = source().then(async |order| {
        tokio::task::yield_now().await;
        order
    });
    let guard = Guard::new(caller("ada", "acme"), DownForFour);
    let kept: Vec<_> = guard.filter_stream(Read, single).collect().await;
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[3], Err(Failed::Denied(503)));
}

#[derive(Debug, PartialEq)]
enum Failed {
    Denied(u16),
    Source,
}

impl From<Denied> for Failed {
    fn from(denied: Denied) -> Self {
        Self::Denied(told(&denied).0)
    }
}

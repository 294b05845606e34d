//! Whatever goes wrong in a policy denies, whichever way it is asked.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tower_warden::Principal;
use tower_warden::authz::PolicyError;
use tower_warden::authz::object::{
    ActionKind, Bounds, Decision, Denied, ObjectPolicy, Paging, QueryPolicy, Read, Ruling, Rulings,
};

use super::shop::{ORDERS, Order};
use super::{guard, told};
use crate::support::Logs;

#[derive(Clone, Copy, Debug)]
enum Mood {
    Down,
    Fails,
    FailsLater,
    Hangs,
    Panics,
    PanicsLater,
}

impl Mood {
    /// What goes wrong at once, or later.
    fn act<V: Send + 'static>(
        self,
        now: impl FnOnce(PolicyError),
    ) -> futures_util::future::BoxFuture<'static, Result<V, PolicyError>> {
        match self {
            Self::Panics => panic!("at once"),
            Self::Fails => now(PolicyError::new("no such table")),
            _ => {}
        }
        Box::pin(async move {
            tokio::task::yield_now().await;
            match self {
                Self::Down => Err(PolicyError::unavailable_for(Duration::from_secs(9), "down")),
                Self::Hangs => std::future::pending().await,
                Self::PanicsLater => panic!("after a wait"),
                _ => Err(PolicyError::new("no such table")),
            }
        })
    }
}

/// Goes wrong in `judge` and `constrain`, and in `judge_all` if it is to be asked there.
struct Moody {
    mood: Mood,
    at_once: bool,
}

impl ObjectPolicy<Order> for Moody {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, order: &'a Order) -> Ruling<'a> {
        if order.id != 3 {
            return Ruling::allow();
        }
        let mut failed = None;
        let later = self.mood.act::<Decision>(|error| failed = Some(error));
        failed.map_or_else(|| Ruling::ask(later), Ruling::failed)
    }

    fn judge_all<'a>(&'a self, _: &'a Principal, _: ActionKind, _: &'a [Order]) -> Rulings<'a> {
        if !self.at_once {
            return Rulings::one_by_one();
        }
        let mut failed = None;
        let later = self.mood.act::<Vec<Decision>>(|error| failed = Some(error));
        failed.map_or_else(|| Rulings::ask(later), Rulings::failed)
    }
}

impl QueryPolicy<Order> for Moody {
    type Constraint = u64;

    fn constrain<'a>(&'a self, _: &'a Principal, _: ActionKind) -> Bounds<'a, u64> {
        let mut failed = None;
        let later = self.mood.act::<Option<u64>>(|error| failed = Some(error));
        failed.map_or_else(|| Bounds::ask(later), Bounds::failed)
    }
}

#[tokio::test(start_paused = true)]
async fn z9_errors_timeouts_and_panics_deny_in_every_kind_of_check() {
    for (mood, expected) in [
        (Mood::Down, (503, "policy_unavailable")),
        (Mood::Fails, (403, "policy_failed")),
        (Mood::FailsLater, (403, "policy_failed")),
        (Mood::Hangs, (403, "policy_timed_out")),
        (Mood::Panics, (403, "policy_panicked")),
        (Mood::PanicsLater, (403, "policy_panicked")),
    ] {
        for at_once in [true, false] {
            let guard = || guard(Moody { mood, at_once });
            let logs = Logs::capture();
            let orders = || ORDERS.to_vec();
            let fetch = |_: Option<u64>| std::future::ready(Ok::<_, Denied>(orders()));
            let paging = Paging::new(9, None);
            let streamed = stream::iter(ORDERS).map(Ok::<_, Denied>);
            let streamed: Vec<_> = guard().filter_stream(Read, streamed).collect().await;
            assert_eq!(streamed.len(), 1, "{mood:?}: nothing of a batch that could not be judged");
            let denials = [
                guard().permit(Read, ORDERS[2].clone()).await.map(drop),
                guard().check(Read, &ORDERS[2]).await,
                guard().filter(Read, orders()).await.map(drop),
                guard().permit_allowed(Read, orders()).await.map(drop),
                guard().permit_all(Read, orders()).await.map(drop),
                guard().filter_pages(Read, paging, |order| order.id, fetch).await.map(drop),
                guard().constraint::<u64, _>(Read).await.map(drop),
                streamed.into_iter().next().unwrap().map(drop),
            ];
            let asked = denials.len();
            for (index, denied) in denials.into_iter().enumerate() {
                let denied = denied.unwrap_err();
                assert_eq!(told(&denied), expected, "{mood:?}, {index}");
                let retry_after = denied.into_http().headers().get("retry-after").cloned();
                assert_eq!(retry_after.is_some(), expected.0 == 503, "{mood:?}, {index}");
            }
            assert_eq!(logs.text().matches("control=\"guard\"").count(), asked, "{}", logs.text());
            assert!(!guard().allows(Read, &ORDERS[2]).await, "{mood:?}");
        }
    }
}

/// Without a timer, an answer that has to be waited for cannot be had in time.
#[test]
fn z9_a_runtime_without_a_timer_denies() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let guard = guard(Moody { mood: Mood::Hangs, at_once: false });
    let denied = runtime.block_on(guard.permit(Read, ORDERS[2].clone())).unwrap_err();
    assert_eq!(told(&denied), (403, "policy_panicked"));
}

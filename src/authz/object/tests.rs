//! What counts as a check for the rule of a request.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{Extensions, Request};

use super::checks::Lapse;
use super::*;
use crate::authz::{Access, Rules, RulesLayer, authenticated};
use crate::gate::{Pass, Verdict};
use crate::principal::{Principal, PrincipalKind};

/// Even numbers are allowed.
struct Even;

impl ObjectPolicy<u64> for Even {
    fn judge<'a>(&'a self, _: &'a Principal, _: ActionKind, number: &'a u64) -> Ruling<'a> {
        number.is_multiple_of(2).into()
    }
}

impl QueryPolicy<u64> for Even {
    type Constraint = ();

    fn constrain<'a>(&'a self, _: &'a Principal, _: ActionKind) -> Bounds<'a, ()> {
        Bounds::within(())
    }
}

fn always<T>(_: &Principal, _: ActionKind, _: &T) -> Decision {
    Decision::Allow
}

/// What a request carries that the rules admitted.
fn admitted(access: impl Into<Access>) -> Extensions {
    let rules = Rules::builder().query_policy(Even).object_policy(always::<Name>).get("/", access);
    let ada = Principal::builder("i", "ada", PrincipalKind::User, "Bearer").build();
    let (mut head, ()) = Request::get("/").extension(ada).body(()).unwrap().into_parts();
    let Verdict::Ready(Ok(mut pass)) =
        RulesLayer::new(rules.build().unwrap()).judge(&head, Principal::of(&head.extensions))
    else {
        panic!("the rule admits everybody")
    };
    pass.on_request(&mut head);
    head.extensions
}

/// Another type with a policy.
type Name = [u8; 8];

type Act = fn(Guard<u64>, Extensions) -> BoxFuture<'static, ()>;

fn numbers() -> Access {
    authenticated().serving_list_of::<u64>()
}

fn number() -> Access {
    authenticated().serving::<u64>()
}

#[tokio::test]
async fn z4_z10_what_counts_is_the_type_and_the_action_of_the_rule() {
    const NOT: Result<(), Lapse> = Err(Lapse::NotPerformed);
    const SWALLOWED: Result<(), Lapse> = Err(Lapse::DenialSwallowed);
    let filter: Act = |guard, _| Box::pin(async move { drop(guard.filter(Read, [1, 2]).await) });
    let permit: Act = |guard, _| Box::pin(async move { drop(guard.permit(Read, 2).await) });
    let all: Act = |guard, _| Box::pin(async move { drop(guard.permit_all(Delete, [2, 4]).await) });
    let none: Act =
        |guard, _| Box::pin(async move { drop(guard.permit_all(Delete, [0_u64; 0]).await) });
    let denied: Act = |guard, _| {
        Box::pin(async move {
            drop(guard.permit(Read, 2).await);
            drop(guard.permit(Read, 1).await);
            drop(guard.permit(Read, 2).await);
        })
    };
    let other_type: Act = |_, extensions| {
        Box::pin(async move {
            let other = Guard::<Name>::of(&extensions).unwrap();
            drop(other.permit(Read, [0; 8]).await);
            drop(other.filter(Read, [[0; 8]]).await);
        })
    };
    let constraint: Act =
        |guard, _| Box::pin(async move { drop(guard.constraint::<(), _>(Read).await) });
    let verified: Act = |guard, _| {
        Box::pin(async move {
            let scope = guard.constraint::<(), _>(Read).await.unwrap();
            drop(scope.verify([2, 4]).await);
        })
    };
    let disproved: Act = |guard, _| {
        Box::pin(async move {
            let scope = guard.constraint::<(), _>(Read).await.unwrap();
            drop(scope.verify([2, 3]).await);
        })
    };
    let wrong_constraint: Act =
        |guard, _| Box::pin(async move { drop(guard.constraint::<u8, _>(Read).await) });
    let stream: Act = |guard, _| {
        let source = stream::iter([1, 2]).map(Ok::<u64, Denied>);
        drop(guard.filter_stream(Read, source));
        Box::pin(async {})
    };
    let asked: Act = |guard, _| Box::pin(async move { assert!(guard.allows(Read, &2).await) });
    let skipped: Act = |guard, _| {
        guard.skip("the list is the same for everybody");
        Box::pin(async {})
    };
    for (what, access, act, expected) in [
        ("one permitted", number(), permit, Ok(())),
        ("one permitted for another action", number().by(Delete), permit, NOT),
        ("a list filtered where one is served", number(), filter, NOT),
        ("another type", number(), other_type, NOT),
        ("several permitted", number().by(Delete), all, Ok(())),
        ("none permitted", number().by(Delete), none, NOT),
        ("one denied among others", number(), denied, SWALLOWED),
        ("asked without a check", number(), asked, NOT),
        ("skipped", number(), skipped, Ok(())),
        ("a list filtered", numbers(), filter, Ok(())),
        ("a list filtered for another action", numbers().by(Delete), filter, NOT),
        ("a stream filtered", numbers(), stream, Ok(())),
        ("a query constrained", numbers(), constraint, NOT),
        ("a query constrained, as proved", numbers().by_proved_constraint(), constraint, Ok(())),
        ("a query verified", numbers(), verified, Ok(())),
        ("a query that found too much", numbers(), disproved, SWALLOWED),
        ("a query verified, as proved", numbers().by_proved_constraint(), verified, Ok(())),
        ("a query constrained, one", number().by_proved_constraint(), constraint, NOT),
        ("no such constraint", numbers(), wrong_constraint, SWALLOWED),
        ("all of a list permitted", numbers().by(Delete), all, Ok(())),
        ("an empty list permitted", numbers().by(Delete), none, Ok(())),
        ("one permitted where a list is served", numbers(), permit, NOT),
        ("a list of another type", numbers(), other_type, NOT),
    ] {
        let extensions = admitted(access);
        let guard = Guard::of(&extensions).unwrap();
        act(guard, extensions.clone()).await;
        assert_eq!(Checks::of(&extensions).unwrap().conclude(), expected, "{what}");
    }
}

#[tokio::test]
async fn z4_a_guard_that_was_kept_does_not_count_for_another_request() {
    let (first, second) = (admitted(number()), admitted(number()));
    let kept = Arc::new(Guard::<u64>::of(&first).unwrap());
    assert!(kept.permit(Read, 2).await.is_ok());
    assert_eq!(Checks::of(&first).unwrap().conclude(), Ok(()));
    assert_eq!(Checks::of(&second).unwrap().conclude(), Err(Lapse::NotPerformed));
}

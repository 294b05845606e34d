//! Asking a policy so that nothing that goes wrong in it allows anything (ASVS 16.5.3).

use std::any::type_name;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use super::{ActionKind, Decision, ObjectPolicy, QueryPolicy, Ruling, policy, query, rulings};
use crate::authz::decision::{Cause, Failure};
use crate::authz::{CHECK_TIME_LIMIT, PolicyError};
use crate::principal::Principal;

/// After how many objects a policy that never waits lets other tasks run.
const AT_A_TIME: usize = 1024;

/// What a policy said of one object at once: whether it allows it, or what is left to find out.
pub(super) enum Ruled<'a> {
    Allowed,
    Left(Result<policy::Kind<'a>, Cause>),
}

/// Asks a policy about one object. Most allow at once, and then nobody waits.
pub(super) fn ask<'a, T: 'static>(
    policy: &'a dyn ObjectPolicy<T>,
    caller: &'a Principal,
    action: ActionKind,
    object: &'a T,
) -> Ruled<'a> {
    match guarded(|| policy.judge(caller, action, object)) {
        Ok(Ruling(policy::Kind::Known(Decision::Allow))) => Ruled::Allowed,
        ruling => Ruled::Left(ruling.map(|ruling| ruling.0)),
    }
}

impl Ruled<'_> {
    /// The decision on an object of type `T`, waited for where it must be.
    pub(super) async fn decision<T: 'static>(self) -> Result<Decision, Failure> {
        let Self::Left(ruling) = self else { return Ok(Decision::Allow) };
        let decision = match ruling {
            Ok(ruling) => settled(ruling, &mut TimeLimit::default()).await,
            Err(cause) => Err(cause),
        };
        decision.map_err(failure::<T>)
    }
}

/// Asks a policy about many objects: one decision for each, or a failure for all. They share one time limit.
pub(super) async fn judge_all<T: 'static>(
    policy: &dyn ObjectPolicy<T>,
    caller: &Principal,
    action: ActionKind,
    objects: &[T],
) -> Result<Vec<Decision>, Failure> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let rulings = guarded(|| policy.judge_all(caller, action, objects)).map_err(failure::<T>)?;
    let mut limit = TimeLimit::default();
    let decisions = match rulings.0 {
        rulings::Kind::OneByOne => {
            one_by_one(policy, caller, action, objects, &mut limit).await.map_err(failure::<T>)?
        }
        rulings::Kind::Known(decisions) => decisions,
        rulings::Kind::Failed(error) => return Err(failure::<T>(Cause::Error(error))),
        rulings::Kind::Asked(asked) => limit.answer(asked).await.map_err(failure::<T>)?,
    };
    if decisions.len() == objects.len() {
        Ok(decisions)
    } else {
        let told = format!("{} decisions on {} objects", decisions.len(), objects.len());
        Err(failure::<T>(Cause::Error(PolicyError::new(told))))
    }
}

/// Asks a policy what a query must be constrained to: `None` where the caller may not list at all.
pub(super) async fn constrain<T: 'static, C: 'static>(
    policy: &dyn QueryPolicy<T, Constraint = C>,
    caller: &Principal,
    action: ActionKind,
) -> Result<Option<C>, Failure> {
    let bounds = guarded(|| policy.constrain(caller, action)).map_err(failure::<T>)?;
    match bounds.0 {
        query::Kind::Known(constraint) => Ok(constraint),
        query::Kind::Failed(error) => Err(failure::<T>(Cause::Error(error))),
        query::Kind::Asked(asked) => TimeLimit::default().answer(asked).await.map_err(failure::<T>),
    }
}

async fn one_by_one<T: 'static>(
    policy: &dyn ObjectPolicy<T>,
    caller: &Principal,
    action: ActionKind,
    objects: &[T],
    limit: &mut TimeLimit,
) -> Result<Vec<Decision>, Cause> {
    let mut decisions = Vec::with_capacity(objects.len());
    for (index, object) in objects.iter().enumerate() {
        if index > 0 && index % AT_A_TIME == 0 {
            let_others_run().await;
        }
        decisions.push(ruled(policy, caller, action, object, limit).await?);
    }
    Ok(decisions)
}

async fn ruled<T: 'static>(
    policy: &dyn ObjectPolicy<T>,
    caller: &Principal,
    action: ActionKind,
    object: &T,
    limit: &mut TimeLimit,
) -> Result<Decision, Cause> {
    settled(guarded(|| policy.judge(caller, action, object))?.0, limit).await
}

async fn settled(ruling: policy::Kind<'_>, limit: &mut TimeLimit) -> Result<Decision, Cause> {
    match ruling {
        policy::Kind::Known(decision) => Ok(decision),
        policy::Kind::Failed(error) => Err(Cause::Error(error)),
        policy::Kind::Asked(asked) => limit.answer(asked).await,
    }
}

/// The policy had shared references only; what it broke behind a lock of its own is for that lock to tell.
fn guarded<R>(ask: impl FnOnce() -> R) -> Result<R, Cause> {
    catch_unwind(AssertUnwindSafe(ask)).map_err(|_| Cause::Panicked)
}

/// When the answer must be there, counted from the first that has to be waited for.
#[derive(Default)]
struct TimeLimit(Option<Instant>);

impl TimeLimit {
    async fn answer<V>(
        &mut self,
        asked: BoxFuture<'_, Result<V, PolicyError>>,
    ) -> Result<V, Cause> {
        // The timer is inside: it panics where the runtime has none, and that must deny too.
        let timed = async {
            let until = *self.0.get_or_insert_with(|| Instant::now() + CHECK_TIME_LIMIT);
            timeout_at(until, asked).await
        };
        match AssertUnwindSafe(timed).catch_unwind().await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(Cause::Error(error)),
            Ok(Err(_elapsed)) => Err(Cause::TimedOut),
            Err(_) => Err(Cause::Panicked),
        }
    }
}

/// Not logged here: the denial that comes of it is.
fn failure<T>(cause: Cause) -> Failure {
    Failure { check: type_name::<T>().into(), cause }
}

async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

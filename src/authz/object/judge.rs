//! Asking a policy so that nothing that goes wrong in it allows anything (ASVS 16.5.3).

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

use super::policy::Kind;
use super::{ActionKind, Decision, ObjectPolicy};
use crate::authz::CHECK_TIME_LIMIT;
use crate::authz::decision::{Cause, Failure};
use crate::principal::Principal;

/// Asks a policy about one object. What it could not tell is logged.
pub(super) async fn judge<T: 'static>(
    policy: &dyn ObjectPolicy<T>,
    caller: &Principal,
    action: ActionKind,
    object: &T,
) -> Result<Decision, Failure> {
    // The policy had shared references only; what it broke behind a lock of its own is for that lock to tell.
    let ruling = catch_unwind(AssertUnwindSafe(|| policy.judge(caller, action, object)));
    let cause = match ruling {
        Ok(ruling) => match ruling.0 {
            Kind::Known(decision) => return Ok(decision),
            Kind::Failed(error) => Cause::Error(error),
            Kind::Asked(asked) => {
                // The timer is inside: it panics where the runtime has none, and that must deny too.
                let timed = async { tokio::time::timeout(CHECK_TIME_LIMIT, asked).await };
                match AssertUnwindSafe(timed).catch_unwind().await {
                    Ok(Ok(Ok(decision))) => return Ok(decision),
                    Ok(Ok(Err(error))) => Cause::Error(error),
                    Ok(Err(_elapsed)) => Cause::TimedOut,
                    Err(_) => Cause::Panicked,
                }
            }
        },
        Err(_) => Cause::Panicked,
    };
    Err(Failure::of(type_name::<T>().into(), cause))
}

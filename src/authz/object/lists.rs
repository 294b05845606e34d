use std::iter::zip;

use super::guard::{absent, forbidden, hidden};
use super::{Action, ActionKind, Decision, Denied, Guard, Permit};

/// Lists. The policy is asked about all items at once, with
/// [`ObjectPolicy::judge_all`](super::ObjectPolicy::judge_all); there is no bound on their number, for they are in memory
/// already.
impl<T: 'static> Guard<T> {
    /// Keeps the items on which the policy allows this action, in their order. Leaving one out is no denial.
    ///
    /// # Errors
    ///
    /// 503 where something that the policy asks is down, otherwise 403, when the policy cannot tell: nothing of the list is
    /// answered then, for a part of it would look like all of it.
    pub async fn filter<A: Action>(
        &self,
        _action: A,
        items: impl IntoIterator<Item = T>,
    ) -> Result<Vec<T>, Denied> {
        let action = ActionKind::of::<A>();
        let kept = self.allowed(action, items.into_iter().collect()).await?;
        self.scoped(action);
        Ok(kept)
    }

    /// [`filter`](Self::filter), with a [`Permit`] for each item kept: for a write to many objects that passes over those
    /// on which it is not allowed.
    ///
    /// # Errors
    ///
    /// As [`filter`](Self::filter).
    pub async fn permit_allowed<A: Action>(
        &self,
        action: A,
        items: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Permit<'_, T, A>>, Denied> {
        let kept = self.filter(action, items).await?;
        Ok(kept.into_iter().map(Permit::new).collect())
    }

    /// [`permit`](Self::permit) for many objects, all of them or none. Takes objects, or what look-ups found.
    ///
    /// Counts as a check of an object if there is at least one, and as filtering a list.
    ///
    /// # Errors
    ///
    /// 404 where one of them is absent or hidden, whatever holds for the others; otherwise 403 where one is forbidden.
    /// Where the policy cannot tell, as [`filter`](Self::filter).
    pub async fn permit_all<A: Action, I: Into<Option<T>>>(
        &self,
        _action: A,
        items: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Permit<'_, T, A>>, Denied> {
        let action = ActionKind::of::<A>();
        let looked_up = items.into_iter().map(Into::into);
        let (objects, wanted) =
            looked_up.fold((Vec::new(), 0_usize), |(mut objects, wanted), object| {
                objects.extend(object);
                (objects, wanted + 1)
            });
        // The others are asked about all the same, so that an absent object is answered as a hidden one.
        let decisions = self.judge_all(action, &objects).await?;
        let denial = if objects.len() < wanted {
            absent()
        } else if decisions.contains(&Decision::Hide) {
            hidden()
        } else if decisions.iter().any(|decision| *decision != Decision::Allow) {
            forbidden()
        } else {
            if wanted > 0 {
                self.permitted(action);
            }
            self.scoped(action);
            return Ok(objects.into_iter().map(Permit::new).collect());
        };
        Err(self.deny(action, denial, None))
    }

    /// Those of the items on which the action is allowed.
    pub(super) async fn allowed(
        &self,
        action: ActionKind,
        items: Vec<T>,
    ) -> Result<Vec<T>, Denied> {
        let decisions = self.judge_all(action, &items).await?;
        let judged = zip(items, decisions);
        Ok(judged
            .filter_map(|(item, decision)| (decision == Decision::Allow).then_some(item))
            .collect())
    }
}

use std::future::Future;
use std::iter::zip;

use super::{Action, ActionKind, Decision, Denied, Guard};
use crate::rejection::{Rejection, RejectionKind};

/// How many pages are fetched for one answer unless told otherwise.
const PAGES: usize = 10;

/// What a caller wants of a list that is fetched page by page: how many items, and after which cursor.
#[derive(Clone, Debug)]
pub struct Paging<C> {
    items: usize,
    pages: usize,
    after: Option<C>,
}

impl<C> Paging<C> {
    /// So many items, at least 1, after this cursor: that of the answer before, or none at the beginning.
    ///
    /// Put a bound of your own on the number that a caller may ask for.
    #[must_use]
    pub const fn new(items: usize, after: Option<C>) -> Self {
        Self { items: if items == 0 { 1 } else { items }, pages: PAGES, after }
    }

    /// Fetches so many pages at most, at least 1, in place of 10: what a caller costs who may see next to nothing.
    #[must_use]
    pub fn fetching(mut self, pages: usize) -> Self {
        self.pages = pages.max(1);
        self
    }
}

/// What a source has after a cursor, in the order of the cursors. No items at all means that there are no more.
#[derive(Clone, Debug)]
pub struct Page<T> {
    items: Vec<T>,
    is_last: bool,
}

impl<T> Page<T> {
    /// A page behind which there is nothing, which spares fetching the empty one.
    #[must_use]
    pub const fn last(items: Vec<T>) -> Self {
        Self { items, is_last: true }
    }
}

/// A page behind which there may be more.
impl<T> From<Vec<T>> for Page<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, is_last: false }
    }
}

/// The items that a caller may see, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filtered<T, C> {
    /// As many as were wanted, or fewer: at the end, or where the bound on pages was reached.
    pub items: Vec<T>,
    /// The cursor to go on after; `None` at the end.
    ///
    /// Where the bound on pages was reached, it is the cursor of an item that the caller may not see. Where a cursor says
    /// something about its item, seal it before it leaves.
    pub next: Option<C>,
}

impl<T: 'static> Guard<T> {
    /// Fetches pages until as many items are found as are wanted on which the policy allows this action.
    ///
    /// `fetch` gives what comes right after a cursor (the beginning, without one), in an order in which no two items have
    /// the same cursor; `cursor_of` tells an item's cursor, such as its creation time and id. Then no item that stays
    /// where it is is lost or answered twice, whatever comes and goes around it between two answers. The policy is asked
    /// once for each page.
    ///
    /// ```
    /// use tower_warden::authz::object::{ActionKind, Decision, Denied, Guard, Page, Paging, Read};
    /// use tower_warden::principal::{Principal, PrincipalKind};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").build();
    /// let even = |_: &Principal, _: ActionKind, number: &u64| Decision::from(number % 2 == 0);
    /// let guard = Guard::new(ada, even);
    ///
    /// let fetch = |after: Option<u64>| async move {
    ///     let numbers: Vec<u64> = (1..=9).filter(|number| Some(*number) > after).take(3).collect();
    ///     Ok::<_, Denied>(Page::from(numbers))
    /// };
    /// let found = guard.filter_pages(Read, Paging::new(3, None), |number| *number, fetch).await?;
    /// assert_eq!((found.items, found.next), (vec![2, 4, 6], Some(6)));
    ///
    /// let rest = guard.filter_pages(Read, Paging::new(3, Some(6)), |number| *number, fetch).await?;
    /// assert_eq!((rest.items, rest.next), (vec![8], None));
    /// # Ok::<_, Denied>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `fetch`. Where the policy cannot tell, as [`filter`](Self::filter). 500, reason `pages_do_not_advance`,
    /// where a page ends with the item after which it should begin.
    pub async fn filter_pages<A, C, P, F, E>(
        &self,
        _action: A,
        paging: Paging<C>,
        cursor_of: impl Fn(&T) -> C,
        mut fetch: impl FnMut(Option<C>) -> F,
    ) -> Result<Filtered<T, C>, E>
    where
        A: Action,
        C: Clone + PartialEq,
        P: Into<Page<T>>,
        F: Future<Output = Result<P, E>>,
        E: From<Denied>,
    {
        let action = ActionKind::of::<A>();
        let Paging { items: wanted, pages, mut after } = paging;
        let mut found = Vec::new();
        for _ in 0..pages {
            let Page { items, is_last } = fetch(after.clone()).await?.into();
            let Some(reached) = items.last().map(&cursor_of) else {
                after = None;
                break;
            };
            if after.as_ref() == Some(&reached) {
                let stuck = Rejection::new(RejectionKind::Internal, "pages_do_not_advance");
                return Err(self.deny(action, stuck, None).into());
            }
            let decisions = self.judge_all(action, &items).await?;
            let judged = zip(items, decisions);
            let mut allowed = judged.filter(|(_, decision)| *decision == Decision::Allow);
            found.extend(allowed.by_ref().take(wanted - found.len()).map(|(item, _)| item));
            if found.len() == wanted {
                // What is left of the page decides whether there is more, as far as the caller may know.
                let more = !is_last || allowed.next().is_some();
                after = found.last().filter(|_| more).map(&cursor_of);
                break;
            }
            after = (!is_last).then_some(reached);
            if is_last {
                break;
            }
        }
        self.scoped(action);
        Ok(Filtered { items: found, next: after })
    }
}

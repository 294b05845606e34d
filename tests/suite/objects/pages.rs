//! Paging: no item lost, none twice, and no more pages than allowed.

use std::cell::Cell;

use proptest::prelude::*;
use tower_warden::Principal;
use tower_warden::authz::object::{ActionKind, Decision, Denied, Guard, Page, Paging, Read};

use super::{caller, told};

/// Whoever may see the numbers marked true.
fn sighted() -> Guard<(u32, bool)> {
    let marked = |_: &Principal, _: ActionKind, item: &(u32, bool)| Decision::from(item.1);
    Guard::new(caller("ada", "acme"), marked)
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    /// Following the cursors to the end gives what filtering the whole list does.
    #[test]
    fn z10_pages_add_up_to_the_filtered_list(
        marks in proptest::collection::vec(any::<bool>(), 0..60),
        page_size in 1..8_usize,
        wanted in 0..8_usize,
        pages in 1..5_usize,
        tells_last in any::<bool>(),
    ) {
        let all: Vec<(u32, bool)> = (0..).zip(marks).collect();
        let guard = sighted();
        let (mut seen, mut after, mut answers) = (Vec::new(), None, 0);
        loop {
            let fetches = Cell::new(0);
            let fetch = |after: Option<u32>| {
                fetches.set(fetches.get() + 1);
                let rest = || all.iter().filter(|item| after.is_none_or(|after| item.0 > after)).copied();
                let items: Vec<_> = rest().take(page_size).collect();
                let is_last = tells_last && rest().count() <= page_size;
                let page = if is_last { Page::last(items) } else { Page::from(items) };
                async move { Ok::<_, Denied>(page) }
            };
            let paging = Paging::new(wanted, after).fetching(pages);
            let found = block_on(guard.filter_pages(Read, paging, |item| item.0, fetch)).unwrap();
            prop_assert!(found.items.len() <= wanted.max(1));
            prop_assert!(fetches.get() <= pages);
            // As many as wanted, unless the end or the bound was reached.
            prop_assert!(found.items.len() == wanted.max(1) || found.next.is_none() || fetches.get() == pages);
            seen.extend(found.items);
            answers += 1;
            prop_assert!(answers <= all.len() + 2, "does not end");
            match found.next {
                Some(next) => {
                    prop_assert!(after.is_none_or(|after| next > after), "goes back");
                    after = Some(next);
                }
                None => break,
            }
        }
        let visible: Vec<_> = all.into_iter().filter(|item| item.1).collect();
        prop_assert_eq!(seen, visible);
    }
}

#[tokio::test]
async fn z10_a_cursor_does_not_tell_of_hidden_items_behind_the_last_page() {
    let numbers = vec![(1, true), (2, true), (3, false)];
    let fetch = |_: Option<u32>| std::future::ready(Ok::<_, Denied>(Page::last(numbers.clone())));
    let found =
        sighted().filter_pages(Read, Paging::new(2, None), |item| item.0, fetch).await.unwrap();
    assert_eq!((found.items.len(), found.next), (2, None));
}

#[tokio::test]
async fn a_source_that_forgets_its_cursor_is_a_failure_and_no_endless_list() {
    let fetch = |_: Option<u32>| std::future::ready(Ok::<_, Denied>(vec![(1, true), (2, false)]));
    let paging = Paging::new(5, None).fetching(usize::MAX);
    let denied = sighted().filter_pages(Read, paging, |item| item.0, fetch).await.unwrap_err();
    assert_eq!(told(&denied), (500, "pages_do_not_advance"));
}

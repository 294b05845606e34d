use futures_util::stream::{self, Stream, StreamExt, TryReadyChunksError, TryStreamExt};

use super::{Action, ActionKind, Denied, Guard};

/// How many items the policy is asked about at once, at most.
const AT_A_TIME: usize = 256;

impl<T: 'static> Guard<T> {
    /// Keeps the items of a stream on which the policy allows this action, in their order.
    ///
    /// Items that are there at the same time are judged at once, 256 at most; none waits for another. Counts as filtering a
    /// list from here on, for the head of an answer leaves before its items are judged. The first error ends the stream:
    /// one of the source, or [`Denied`] where the policy cannot tell, as for [`filter`](Self::filter).
    pub fn filter_stream<A: Action, E: From<Denied>>(
        self,
        _action: A,
        items: impl Stream<Item = Result<T, E>>,
    ) -> impl Stream<Item = Result<T, E>> {
        let action = ActionKind::of::<A>();
        self.scoped(action);
        let batches = Box::pin(items.try_ready_chunks(AT_A_TIME));
        stream::unfold(Some((self, batches)), move |state| async move {
            let (guard, mut batches) = state?;
            let (batch, error) = match batches.next().await? {
                Ok(batch) => (batch, None),
                Err(TryReadyChunksError(batch, error)) => (batch, Some(error)),
            };
            let (kept, error) = match guard.allowed(action, batch).await {
                Ok(kept) => (kept, error),
                Err(denied) => (Vec::new(), Some(denied.into())),
            };
            let ends = error.is_some();
            let judged = kept.into_iter().map(Ok).chain(error.map(Err));
            Some((stream::iter(judged), (!ends).then_some((guard, batches))))
        })
        .flatten()
    }
}

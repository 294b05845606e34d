use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use super::identity::Digest;

type BoxedCall<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A call that all who asked about one token wait for. It goes on as long as one of them does.
pub(super) type Flight<T> = Shared<BoxedCall<T>>;

/// The calls under way: at most one for each token, and a bounded number altogether.
pub(super) struct Flights<T: Clone> {
    board: Mutex<Board<T>>,
    most: usize,
}

struct Board<T: Clone> {
    departed: u64,
    calls: HashMap<Digest, (u64, WeakShared<BoxedCall<T>>)>,
}

/// What became of a question.
pub(super) enum Boarding<T: Clone> {
    /// The answer came in meanwhile.
    Known(T),
    /// Wait for this.
    Flight(Flight<T>),
    /// Too many calls are under way.
    Full,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { board: Mutex::new(Board { departed: 0, calls: HashMap::new() }), most }
    }

    /// Joins the call for `key`, or makes one. `known` is asked once more: an answer is remembered before its call is
    /// over, so whoever finds no call here finds the answer there.
    pub(super) fn board(
        self: &Arc<Self>,
        key: Digest,
        known: impl FnOnce() -> Option<T>,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Boarding<T> {
        let mut board = self.lock();
        if let Some(flight) = board.calls.get(&key).and_then(|(_, call)| call.upgrade()) {
            return Boarding::Flight(flight);
        }
        if let Some(known) = known() {
            return Boarding::Known(known);
        }
        if board.calls.len() >= self.most && !board.calls.contains_key(&key) {
            return Boarding::Full;
        }
        board.departed += 1;
        let landing = Landing { flights: Arc::clone(self), key, number: board.departed };
        let number = landing.number;
        let call: BoxedCall<T> = Box::pin(async move {
            let _landing = landing;
            call.await
        });
        let flight = call.shared();
        if let Some(weak) = flight.downgrade() {
            board.calls.insert(key, (number, weak));
        }
        Boarding::Flight(flight)
    }

    fn lock(&self) -> MutexGuard<'_, Board<T>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a call off the board when it is over, or when nobody waits for it any more.
struct Landing<T: Clone + Send + Sync + 'static> {
    flights: Arc<Flights<T>>,
    key: Digest,
    number: u64,
}

impl<T: Clone + Send + Sync + 'static> Drop for Landing<T> {
    fn drop(&mut self) {
        let mut board = self.flights.lock();
        // Another one may have taken its place by now.
        if board.calls.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            board.calls.remove(&self.key);
        }
    }
}

impl<T: Clone> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Flights").field("under_way", &board.calls.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn flights() -> Arc<Flights<char>> {
        Arc::new(Flights::new(2))
    }

    fn key(number: u8) -> Digest {
        [number; 32]
    }

    fn flight(boarding: Boarding<char>) -> Flight<char> {
        match boarding {
            Boarding::Flight(flight) => flight,
            Boarding::Known(_) | Boarding::Full => panic!("no flight"),
        }
    }

    #[test]
    fn one_call_for_each_token_and_no_more_than_so_many() {
        let flights = flights();
        let first = flight(flights.board(key(1), || None, ready('a')));
        let same = flight(flights.board(key(1), || None, ready('b')));
        let _other = flight(flights.board(key(2), || None, pending()));
        assert!(matches!(flights.board(key(3), || None, ready('c')), Boarding::Full));
        assert_eq!((same.now_or_never(), first.now_or_never()), (Some('a'), Some('a')));
        let next = flight(flights.board(key(3), || None, ready('c')));
        assert_eq!(next.now_or_never(), Some('c'));
        assert!(matches!(flights.board(key(4), || Some('k'), ready('c')), Boarding::Known('k')));
    }

    #[test]
    fn a_call_that_nobody_waits_for_makes_room() {
        let flights = flights();
        let first = flight(flights.board(key(1), || None, pending()));
        let same = flight(flights.board(key(1), || None, pending()));
        drop(first);
        assert_eq!(flights.lock().calls.len(), 1);
        drop(same);
        assert_eq!(flights.lock().calls.len(), 0);
        assert_eq!(flight(flights.board(key(1), || None, ready('b'))).now_or_never(), Some('b'));
    }
}

//! What runs in the background: one round, and who starts the next.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::LoadError;
use super::fetch::{Found, Version};
use super::state::{Next, State, wait_for};

/// The keeper looks at the clock at least that often, and at most every [`SHORTEST`]: the clock that decides and the
/// time that it sleeps by may be two.
const LONGEST: Duration = Duration::from_secs(3_600);
const SHORTEST: Duration = Duration::from_millis(100);

/// A round on its way. It is a task of its own, so that it goes on when the request that started it is dropped; it
/// lands in any case, also when the client panics or the runtime goes away.
pub(super) struct Flight {
    state: Arc<State>,
    known: Option<Version>,
    document: usize,
    settled: bool,
    /// Last, and dropped last: by then what the round brought is there.
    _landed: watch::Sender<()>,
}

impl Flight {
    pub(super) const fn new(
        state: Arc<State>,
        landed: watch::Sender<()>,
        known: Option<Version>,
        document: usize,
    ) -> Self {
        Self { state, known, document, settled: false, _landed: landed }
    }

    pub(super) async fn fly(mut self) {
        let outcome = self.state.fetch.round(self.known.take(), self.document).await;
        self.settle(outcome);
    }

    fn settle(&mut self, outcome: Result<Found, LoadError>) {
        self.settled = true;
        self.state.settle(outcome);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Err(LoadError::Interrupted));
        }
    }
}

/// Starts rounds ahead of expiry, until nobody holds the state any more.
pub(super) async fn keep(state: Weak<State>, rescheduled: Arc<Notify>) {
    loop {
        let Some(next) = state.upgrade().map(|state| state.next()) else { return };
        match next {
            Next::Landing(mut landing) => wait_for(&mut landing).await,
            Next::Pause(pause) => {
                let pause = pause.clamp(SHORTEST, LONGEST);
                if tokio::time::timeout(pause, rescheduled.notified()).await.is_err() {
                    let Some(state) = state.upgrade() else { return };
                    state.refresh_if_due();
                }
            }
        }
    }
}

//! The keys at hand, who reads them and who renews them.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::rand;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use super::LoadError;
use super::fetch::{Fetch, Found, Version};
use super::flight::{self, Flight};
use super::schedule::Schedule;
use crate::authn::jwt::{KeySet, Renewal};
use crate::clock::Clock;

/// Ends when the round in progress has: its sender is dropped then, whatever became of it.
pub(super) type Landing = watch::Receiver<()>;

pub(super) struct State {
    pub(super) fetch: Fetch,
    clock: Arc<dyn Clock>,
    max_stale: Duration,
    held: ArcSwapOption<Held>,
    /// When the next round is due, in nanoseconds: so that reading keys takes no lock.
    due: AtomicU64,
    desk: Mutex<Desk>,
    /// Tells the keeper that the next round is due at another time.
    pub(super) rescheduled: Arc<Notify>,
}

/// The keys at hand.
#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    version: Version,
    /// By the face of the clock that only counts.
    usable_until: Duration,
}

impl Held {
    fn is_usable(&self, now: Duration) -> bool {
        now < self.usable_until
    }
}

/// What only one at a time may look at; never held for long.
#[derive(Debug)]
struct Desk {
    schedule: Schedule,
    landing: Option<Landing>,
    keeper: Option<AbortHandle>,
    last_error: Option<LoadError>,
    /// Which of the metadata documents answered last.
    document: usize,
}

/// What the keeper waits for.
pub(super) enum Next {
    Landing(Landing),
    Pause(Duration),
}

impl State {
    pub(super) fn new(
        fetch: Fetch,
        clock: Arc<dyn Clock>,
        cooldown: Duration,
        max_stale: Duration,
    ) -> Self {
        let schedule = Schedule::new(cooldown);
        Self {
            fetch,
            clock,
            max_stale,
            held: ArcSwapOption::empty(),
            due: AtomicU64::new(0),
            desk: Mutex::new(Desk {
                schedule,
                landing: None,
                keeper: None,
                last_error: None,
                document: 0,
            }),
            rescheduled: Arc::new(Notify::new()),
        }
    }

    /// The keys in force; starts a round when one is due, and does not wait for it.
    pub(super) fn current(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        let now = self.clock.monotonic();
        let held = self.held.load();
        let held = held.as_ref()?;
        if nanoseconds(now) >= self.due.load(Ordering::Relaxed) {
            self.refresh_if_due();
        }
        held.is_usable(now).then(|| Arc::clone(&held.keys))
    }

    /// Asks for newer keys on behalf of a token, if that may be done now.
    pub(super) fn renew(self: &Arc<Self>) -> Option<Renewal> {
        let now = self.clock.monotonic();
        let has_keys = self.held.load().as_ref().is_some_and(|held| held.is_usable(now));
        let mut landing = self.join_or_start(|schedule| schedule.allows_asking(now, has_keys))?;
        Some(Box::pin(async move { wait_for(&mut landing).await }))
    }

    /// Whether the last round brought keys.
    pub(super) fn is_current(&self) -> bool {
        self.desk().schedule.failures() == 0
    }

    /// Starts a round if one is due and none is in progress.
    pub(super) fn refresh_if_due(self: &Arc<Self>) {
        let now = self.clock.monotonic();
        let _not_waited_for = self.join_or_start(|schedule| schedule.is_due(now));
    }

    pub(super) async fn load(self: &Arc<Self>) -> Result<(), LoadError> {
        if self.current().is_some() {
            return Ok(());
        }
        let mut landing = self.join_or_start(|_| true).ok_or(LoadError::NoRuntime)?;
        wait_for(&mut landing).await;
        match self.current() {
            Some(_) => Ok(()),
            None => Err(self.desk().last_error.clone().unwrap_or(LoadError::Interrupted)),
        }
    }

    /// The round in progress, or a new one if `may_start`. `None` if neither, and where there is no runtime to start it on.
    fn join_or_start(
        self: &Arc<Self>,
        may_start: impl FnOnce(&Schedule) -> bool,
    ) -> Option<Landing> {
        let mut desk = self.desk();
        if let Some(landing) = &desk.landing {
            return Some(landing.clone());
        }
        if !may_start(&desk.schedule) {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        let (landed, landing) = watch::channel(());
        desk.landing = Some(landing.clone());
        self.due.store(u64::MAX, Ordering::Relaxed); // nobody else has to look at the desk
        let version = self.held.load().as_ref().map(|held| held.version.clone());
        let flight = Flight::new(Arc::clone(self), landed, version, desk.document);
        if desk.keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            let keeper = flight::keep(Arc::downgrade(self), Arc::clone(&self.rescheduled));
            desk.keeper = Some(runtime.spawn(keeper).abort_handle());
        }
        // A runtime that is shutting down drops the flight at once, and that comes back to the desk.
        drop(desk);
        runtime.spawn(flight.fly());
        Some(landing)
    }

    /// Takes in what a round brought.
    pub(super) fn settle(&self, outcome: Result<Found, LoadError>) {
        let now = self.clock.monotonic();
        let (outcome, renewed) = match outcome {
            Ok(found) => {
                let (lifetime, document) = (found.lifetime, found.document);
                let renewed = self.hold(found, now);
                (Ok((lifetime, document)), renewed)
            }
            Err(error) => (Err(error), None),
        };
        let mut desk = self.desk();
        match &outcome {
            Ok((lifetime, document)) => {
                desk.document = *document;
                desk.last_error = None;
                desk.schedule.succeeded(now, *lifetime, chance());
            }
            Err(error) => {
                desk.last_error = Some(error.clone());
                desk.schedule.failed(now, chance());
            }
        }
        desk.landing = None;
        let (due, failures) = (desk.schedule.due(), desk.schedule.failures());
        self.due.store(nanoseconds(due), Ordering::Relaxed);
        drop(desk);
        self.rescheduled.notify_one();
        // Whoever listens to the log may ask for keys: nothing is locked by now.
        if let Some(count) = renewed {
            tracing::info!(target: "tower_warden::jwks", location = ?self.fetch.location, count, "keys are new");
        }
        if let Err(error) = outcome {
            self.tell(&error, failures, now);
        }
    }

    /// Puts keys in force; answers how many there are, if they are others than before. Only the round in progress does
    /// this.
    fn hold(&self, found: Found, now: Duration) -> Option<usize> {
        let held = self.held.load();
        let (keys, renewed) = match (found.keys, held.as_ref()) {
            (Some(keys), _) => {
                let count = keys.iter().count();
                (Arc::new(keys), Some(count))
            }
            // The very same set: whoever remembers by which keys something was verified need not verify it again.
            (None, Some(held)) => (Arc::clone(&held.keys), None),
            (None, None) => return None, // nothing was known that could be the same
        };
        let usable_until = now.saturating_add(found.lifetime).saturating_add(self.max_stale);
        self.held.store(Some(Arc::new(Held { keys, version: found.version, usable_until })));
        renewed
    }

    fn tell(&self, error: &LoadError, failures: u32, now: Duration) {
        let location = &self.fetch.location;
        // The Debug form of a text escapes control characters: a client may quote what a server said (ASVS 16.4.1).
        let error = with_causes(error);
        if self.held.load().as_ref().is_some_and(|held| held.is_usable(now)) {
            tracing::warn!(target: "tower_warden::jwks", ?location, ?error, failures, "keys could not be renewed: those at hand stay in use");
        } else {
            tracing::error!(target: "tower_warden::jwks", ?location, ?error, failures, "there are no keys: tokens cannot be judged");
        }
    }

    pub(super) fn next(&self) -> Next {
        let now = self.clock.monotonic();
        let desk = self.desk();
        match &desk.landing {
            Some(landing) => Next::Landing(landing.clone()),
            None => Next::Pause(desk.schedule.due().saturating_sub(now)),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody is left to read the keys.
impl Drop for State {
    fn drop(&mut self) {
        if let Some(keeper) = self.desk().keeper.take() {
            keeper.abort();
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub(super) async fn wait_for(landing: &mut Landing) {
    while landing.changed().await.is_ok() {}
}

/// Something between 0 and 255.
fn chance() -> u8 {
    let mut byte = [u8::MAX / 2];
    let _stays_in_the_middle = rand::fill(&mut byte);
    byte[0]
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held.load();
        f.debug_struct("RemoteKeys")
            .field("location", &self.fetch.location)
            .field("keys", &held.as_ref().map(|held| held.keys.iter().count()))
            .finish_non_exhaustive()
    }
}

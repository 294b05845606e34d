//! How far every caller is.

use std::time::Duration;

use crate::rate_limit::secret::HashedKey;
use crate::rate_limit::shards::{KeyMap, Shards};

/// Flows for each part: few enough that looking through a full one takes well under a millisecond.
const FLOWS_PER_PART: usize = 16 * 1024;

/// A part that is full is not looked through again before this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The flows that are under way.
#[derive(Debug)]
pub(super) struct Progress {
    parts: Shards<Part>,
    room: usize,
    within: Duration,
}

#[derive(Debug, Default)]
struct Part {
    flows: KeyMap<State>,
    /// Until then, a part that is full stays full.
    look_again: Duration,
}

/// How far one caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// When the first step was done last.
    begun: Duration,
    /// When any step was done last.
    last: Duration,
    /// How many steps are done.
    done: u8,
    /// Whether the last step is under way: then it does not expire.
    ends: bool,
}

/// Why a step may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// The steps before it are not done, or were done too long ago.
    OutOfOrder,
    /// It may begin after this.
    TooSoon(Duration),
    /// The last step is under way already.
    Ends,
    /// There are as many flows under way as are remembered.
    Full,
}

impl Progress {
    pub(super) fn new(flows: usize, within: Duration) -> Self {
        let parts = Shards::new(flows.div_ceil(FLOWS_PER_PART));
        // Keys do not spread evenly: a little more room keeps what was asked for.
        let slack = if parts.parts() > 1 { FLOWS_PER_PART / 16 } else { 0 };
        let room = flows.div_ceil(parts.parts()) + slack;
        Self { parts, room, within }
    }

    /// Whether a step, by number, may begin `after` the one before. If it is the last one it ends the flow, until
    /// [`end`](Self::end) says how.
    pub(super) fn begin(
        &self,
        key: HashedKey,
        step: usize,
        is_last: bool,
        after: Duration,
        now: Duration,
    ) -> Result<(), Lapse> {
        let mut part = self.parts.lock(key);
        let known = part.flows.get(&key.0).copied().filter(|state| self.is_active(state, now));
        let done = known.map_or(0, |state| usize::from(state.done));
        if step > done {
            return Err(Lapse::OutOfOrder);
        }
        if is_last && known.is_some_and(|state| state.ends) {
            return Err(Lapse::Ends);
        }
        if let Some(state) = known
            && step > 0
            && step == done
        {
            // A clock that went back shows less time since, never more.
            let since = now.saturating_sub(state.last);
            if since < after {
                return Err(Lapse::TooSoon(after - since));
            }
        }
        if known.is_none() && !self.has_room(&mut part, key, now) {
            return Err(Lapse::Full);
        }
        if is_last {
            let fresh = State { begun: now, last: now, done: 0, ends: false };
            part.flows.insert(key.0, State { ends: true, ..known.unwrap_or(fresh) });
        }
        Ok(())
    }

    /// A step that is not the last one was done.
    pub(super) fn advance(&self, key: HashedKey, step: usize, now: Duration) {
        let mut part = self.parts.lock(key);
        let known = part.flows.get(&key.0).copied().filter(|state| self.is_active(state, now));
        let done = u8::try_from(step + 1).unwrap_or(u8::MAX);
        let state = match known {
            Some(state) => {
                let begun = if step == 0 { now } else { state.begun };
                State { begun, last: now, done: state.done.max(done), ends: state.ends }
            }
            None if step == 0 && self.has_room(&mut part, key, now) => {
                State { begun: now, last: now, done, ends: false }
            }
            // The flow ended, or its time passed, while this step was under way.
            None => return,
        };
        part.flows.insert(key.0, state);
    }

    /// The last step ended: with the flow, or so that it can be repeated.
    pub(super) fn end(&self, key: HashedKey, done: bool, now: Duration) {
        let mut part = self.parts.lock(key);
        let Some(state) = part.flows.get_mut(&key.0) else { return };
        state.ends = false;
        let state = *state;
        if done || state.done == 0 || !self.is_active(&state, now) {
            part.flows.remove(&key.0);
        }
    }

    fn is_active(&self, state: &State, now: Duration) -> bool {
        state.ends || now.saturating_sub(state.begun) <= self.within
    }

    /// Whether one more flow fits; what has expired makes room.
    fn has_room(&self, part: &mut Part, key: HashedKey, now: Duration) -> bool {
        if part.flows.len() < self.room || part.flows.contains_key(&key.0) {
            return true;
        }
        if now < part.look_again {
            return false;
        }
        part.flows.retain(|_, state| self.is_active(state, now));
        let is_full = part.flows.len() >= self.room;
        part.look_again = if is_full { now.saturating_add(LOOK_AGAIN) } else { now };
        !is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    #[test]
    fn q10_flows_under_way_are_never_given_up_and_expired_ones_are() {
        let progress = Progress::new(100, WITHIN);
        let begin = |key, now| progress.begin(HashedKey(key), 0, false, Duration::ZERO, at(now));
        for key in 0..100 {
            begin(key, 0).unwrap();
            progress.advance(HashedKey(key), 0, at(0));
        }
        for key in 100..1_000 {
            assert_eq!(begin(key, 60), Err(Lapse::Full));
            progress.advance(HashedKey(key), 0, at(60));
        }
        assert_eq!(progress.parts.sum(|part| part.flows.len()), 100);
        for key in 0..100 {
            progress.begin(HashedKey(key), 1, false, Duration::ZERO, at(60)).unwrap();
        }
        for key in 100..200 {
            begin(key, 61).unwrap();
            progress.advance(HashedKey(key), 0, at(61));
        }
        assert_eq!(begin(200, 61), Err(Lapse::Full));
        assert_eq!(progress.parts.sum(|part| part.flows.len()), 100);
    }

    #[test]
    fn q10_there_is_room_for_as_many_flows_as_were_asked_for() {
        let flows = 100_000;
        let progress = Progress::new(flows, WITHIN);
        let secret = crate::rate_limit::secret::Secret::random();
        for key in 0..flows {
            progress
                .begin(secret.hash(&key.to_le_bytes()), 0, false, Duration::ZERO, at(0))
                .unwrap();
            progress.advance(secret.hash(&key.to_le_bytes()), 0, at(0));
        }
    }

    #[test]
    fn api6_a_last_step_under_way_does_not_expire_and_is_alone() {
        let progress = Progress::new(10, WITHIN);
        let key = HashedKey(1);
        progress.advance(key, 0, at(0));
        let pay = |now| progress.begin(key, 1, true, Duration::ZERO, at(now));
        pay(1).unwrap();
        assert_eq!(pay(1), Err(Lapse::Ends));
        assert_eq!(pay(500), Err(Lapse::Ends));
        progress.end(key, false, at(30));
        pay(31).unwrap();
        progress.end(key, false, at(500));
        assert_eq!(pay(500), Err(Lapse::OutOfOrder), "it failed when the time had passed");
    }
}

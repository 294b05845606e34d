//! The values of `RateLimit-Policy` for the limits of a response: the same on most responses, until terms change.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::draft::PolicyLine;
use crate::rate_limit::charges::Member;

/// How many lines each thread remembers: those for callers with a principal and without one, for a few stacks and plans.
const REMEMBERED: usize = 8;

thread_local! {
    static LINES: RefCell<[Option<Remembered>; REMEMBERED]> =
        const { RefCell::new([const { None }; REMEMBERED]) };
}

/// A line, and of which offers it was made: no other terms in this process have their number.
struct Remembered {
    of: SmallVec<[(u32, u16); 3]>,
    line: PolicyLine,
}

/// Does something with the line of these limits.
pub(super) fn with_line<R>(members: &[Member<'_>], then: impl Fn(&PolicyLine) -> R) -> R {
    // One alone may have any number of plans, each with a line of its own.
    if let [member] = members {
        return then(&member.active.terms.load().offer(member.drawn.offer).announcement.policy);
    }
    // Sets that occur in turn land in different places.
    let place = members.iter().fold(0_usize, |sum, Member { drawn, .. }| {
        sum.wrapping_add(drawn.terms as usize).wrapping_add(drawn.offer.into())
    });
    let done = LINES.try_with(|lines| {
        let mut lines = lines.try_borrow_mut().ok()?;
        let room = &mut lines[place % REMEMBERED];
        if !room.as_ref().is_some_and(|remembered| remembered.is_of(members)) {
            *room = Some(Remembered::of(members));
        }
        room.as_ref().map(|remembered| then(&remembered.line))
    });
    done.ok().flatten().unwrap_or_else(|| then(&Remembered::of(members).line))
}

impl Remembered {
    #[cold]
    fn of(members: &[Member<'_>]) -> Self {
        let mut of = SmallVec::new();
        let mut lines = Vec::new();
        for member in members {
            let terms = member.active.terms.load();
            // Of the terms of this moment, which may be others than those by which was drawn.
            of.push((terms.id(), member.drawn.offer));
            lines.push(terms.offer(member.drawn.offer).announcement.policy.clone());
        }
        Self { of, line: PolicyLine::joined(lines.iter()) }
    }

    fn is_of(&self, members: &[Member<'_>]) -> bool {
        self.of.len() == members.len()
            && self.of.iter().zip(members).all(|((terms, offer), Member { drawn, .. })| {
                *terms == drawn.terms && *offer == drawn.offer
            })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use crate::client_address::ClientAddress;
    use crate::gate::Verdict;
    use crate::rate_limit::headers::announce;
    use crate::rate_limit::{Limit, Quota, RateLimitLayer, Sender};
    use crate::rejection::Protocol;

    #[test]
    fn q3_a_remembered_line_follows_the_terms() {
        let quota = Quota::per_minute(5);
        let layer = RateLimitLayer::by_address("a", quota).limit(Limit::by_address("b", quota));
        let limits = layer.build().unwrap().limits;
        let mut request = Request::new(());
        request.extensions_mut().insert(ClientAddress::new([192, 0, 2, 1].into()));
        let (head, ()) = request.into_parts();
        let Verdict::Ready(Ok(charges)) =
            limits.admit(&head, Sender::default(), Protocol::Http, limits.now())
        else {
            panic!("not admitted")
        };
        let policy = || {
            let announced = announce([Some((&*limits, &charges)), None]);
            let [policy, _] = announced.draft.unwrap();
            policy.to_str().unwrap().to_owned()
        };
        for tokens in [5, 7, 7, 9] {
            limits.limiter("b").unwrap().set_quota(Quota::per_minute(tokens)).unwrap();
            for _ in 0..3 {
                assert_eq!(policy(), format!("\"a\";q=5;w=60, \"b\";q={tokens};w=60"));
            }
        }
    }
}

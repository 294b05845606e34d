use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use smallvec::SmallVec;

use super::draft::PolicyLine;
use crate::rate_limit::charges::Member;

/// How many sets of policies are remembered: those of callers with a principal and without one, and of a few plans.
const REMEMBERED: usize = 4;

/// The values of `RateLimit-Policy` for several limits, which are the same on most responses until terms change.
#[derive(Default)]
pub(crate) struct PolicyLines([ArcSwapOption<Remembered>; REMEMBERED]);

/// A line, and of which offers it was made.
struct Remembered {
    of: SmallVec<[(u32, u16); 3]>,
    line: PolicyLine,
}

impl PolicyLines {
    /// Does something with the line of these limits.
    pub(super) fn with<R>(&self, members: &[Member<'_>], then: impl FnOnce(&PolicyLine) -> R) -> R {
        // Sets that occur in turn land in different places.
        let offers: usize = members.iter().map(|member| usize::from(member.drawn.offer)).sum();
        let room = &self.0[(members.len() + offers) % REMEMBERED];
        let remembered = room.load();
        if let Some(remembered) = &*remembered
            && remembered.is_of(members)
        {
            return then(&remembered.line);
        }
        let made = Arc::new(Remembered::of(members));
        room.store(Some(Arc::clone(&made)));
        then(&made.line)
    }
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

impl fmt::Debug for PolicyLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLines").finish_non_exhaustive()
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
            let announced = announce(&limits.lines, [Some((&*limits, &charges)), None]);
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

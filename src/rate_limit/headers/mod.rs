//! The header fields that tell callers of the limits.

mod draft;
mod fields;
mod legacy;
mod lines;
mod partition;

use std::mem;

use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

pub(super) use self::draft::{Announcement, policy_name};
use self::draft::{PolicyLine, State};
pub use self::fields::Fields;
pub(crate) use self::legacy::Legacy;
use self::lines::with_line;
pub(super) use self::partition::PartitionKey;
use super::charges::{Charges, Member};
use super::limits::Limits;
use super::terms::Offer;

pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The values to announce.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announced {
    /// Those of `RateLimit-Policy` and `RateLimit`.
    pub(crate) draft: Option<[HeaderValue; 2]>,
    pub(crate) legacy: Option<Legacy>,
}

/// What was charged to limits that are announced together, the outer ones first.
type Charged<'a> = [Option<(&'a Limits, &'a Charges)>; 2];

/// What limits have left, the outer ones first.
type Members<'a> = SmallVec<[Member<'a>; 3]>;

/// What there is to announce, where there is something: the outer limits first.
pub(crate) fn announce(charged: Charged<'_>) -> Announced {
    let mut fields = None;
    let mut members = Members::new();
    for (limits, charges) in charged.iter().flatten() {
        fields = Some(&limits.fields);
        for member in limits.announced(charges) {
            members.push(member);
        }
    }
    let (Some(fields), [_, ..]) = (fields, &*members) else { return Announced::default() };
    Announced {
        draft: fields.draft_10.then(|| {
            if fields.partition.is_some() {
                partitioned(&members, charged)
            } else {
                in_draft_10(&members)
            }
        }),
        legacy: if fields.legacy { tightest(&members) } else { None },
    }
}

fn in_draft_10(members: &Members<'_>) -> [HeaderValue; 2] {
    let policy = with_line(members, |line| line.value.clone());
    [policy, State::line(&members.iter().map(Member::state))]
}

/// The same, where each member says whose bucket it is.
#[cold]
fn partitioned(members: &Members<'_>, charged: Charged<'_>) -> [HeaderValue; 2] {
    let keys = charged.into_iter().flatten().flat_map(|(_, charges)| charges.partitions());
    draft::with_partitions(members.iter().zip(keys).map(|(member, key)| {
        let policy = member.with_offer(|offer| offer.announcement.policy.clone());
        (policy, member.state(), *key)
    }))
}

/// The policy with the least left, of those that refuse.
fn tightest(members: &Members<'_>) -> Option<Legacy> {
    let mut tightest: Option<Legacy> = None;
    for member in members.iter().filter(|member| !member.active.limit.shadow) {
        let State { remaining, seconds, .. } = member.state();
        let limit = member.with_offer(|offer| offer.bucket.burst());
        let own = Legacy { limit, remaining, reset: seconds };
        if tightest.is_none_or(|least| own.is_tighter_than(&least)) {
            tightest = Some(own);
        }
    }
    tightest
}

/// Writes what there is to announce before that of limiters further in.
pub(super) fn write(limits: &Limits, charges: &Charges, headers: &mut HeaderMap) {
    let Fields { draft_10, legacy, partition } = &limits.fields;
    if headers.is_empty() && *draft_10 && !legacy && partition.is_none() {
        let members: Members<'_> = limits.announced(charges).collect();
        if !members.is_empty() {
            let state = State::line(&members.iter().map(Member::state));
            *headers = with_line(&members, PolicyLine::section);
            PolicyLine::fill(headers, state);
            return;
        }
    }
    let Announced { draft, legacy } = announce([Some((limits, charges)), None]);
    if let Some([policy, state]) = draft {
        prepend(headers, RATE_LIMIT_POLICY, policy);
        prepend(headers, RATE_LIMIT, state);
    }
    if let Some(legacy) = legacy {
        legacy.write(headers);
    }
}

impl Announced {
    /// As names and values, for a refusal.
    pub(super) fn into_fields(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let draft =
            self.draft.map(|[policy, state]| [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)]);
        let legacy = self.legacy.map(Legacy::into_fields);
        draft.into_iter().flatten().chain(legacy.into_iter().flatten())
    }
}

impl<'a> Member<'a> {
    fn with_offer<R>(&self, then: impl FnOnce(&Offer) -> R) -> R {
        then(self.active.terms.load().offer(self.drawn.offer))
    }

    fn state(&self) -> State<'a> {
        State::new(&self.active.state_prefix, self.drawn.remaining, self.drawn.seconds)
    }
}

/// Puts a field line before those of the same name.
pub(crate) fn prepend(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(mut entry) => {
            // Each line hands its value on to the next one; nothing is allocated for it.
            let mut carried = value;
            for line in entry.iter_mut() {
                mem::swap(line, &mut carried);
            }
            entry.append(carried);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q4_lines_are_put_before_those_further_in() {
        let mut headers = HeaderMap::new();
        for value in ["3", "2", "1"] {
            prepend(&mut headers, RATE_LIMIT, HeaderValue::from_static(value));
        }
        assert!(headers.get_all(RATE_LIMIT).iter().eq(["1", "2", "3"]));
    }
}

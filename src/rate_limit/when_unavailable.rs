use std::num::NonZeroU32;

use super::bucket::Bucket;

/// What a limit does while the store that several processes share does not answer.
///
/// Set for each limit with [`Limit::when_unavailable`](super::Limit::when_unavailable). Unless set, a limit of failed
/// authentication, and one that [charges for answers](super::Limit::charge_when), refuses, since guesses that are not
/// counted are what an attacker waits for; every other limit counts here, those of [`bandwidth`](super::bandwidth) too, and so
/// do all those that a [`Warden`](crate::Warden) has by itself: its limit of failed log-ins stands before every request with
/// credentials ([`WardenBuilder::when_unavailable`](crate::warden::WardenBuilder::when_unavailable)). Limits in memory alone
/// never ask.
///
/// | | a request gets | admitted beyond the quota |
/// |---|---|---|
/// | `Refuse` | 503 | nothing |
/// | `CountHere` | admitted while this process's own bucket has enough, else 429 | up to the quota, once for each process |
/// | `CountShareHere(n)` | the same, with one n-th of the quota | up to the quota, if there are at most n processes |
/// | `InsecureAdmit` | admitted | without bound |
///
/// Of several limits on one request, one that refuses is enough; those that count here are charged together or not at
/// all, as ever. What was charged here during an outage is not charged to the store afterwards: its buckets have been
/// refilling meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenUnavailable {
    /// Refuse with 503 what this limit concerns.
    Refuse,
    /// Go by a bucket of the same quota in this process's memory.
    CountHere,
    /// Go by a bucket in this process's memory that holds one of so many equal parts of the quota, of at least one token:
    /// give the number of processes. A request that costs more than such a part takes all of it.
    CountShareHere(NonZeroU32),
    /// Admit everything, as though this limit were not there. An attacker who can slow the store down, or fill it, turns
    /// the limit off.
    InsecureAdmit,
}

impl WhenUnavailable {
    /// The bucket to count by here.
    pub(super) fn bucket(self, whole: Bucket) -> Bucket {
        match self {
            Self::CountShareHere(parts) => whole.part(parts),
            Self::Refuse | Self::CountHere | Self::InsecureAdmit => whole,
        }
    }
}

use std::fmt;

use super::partition::PartitionSecret;
use crate::config::Problems;

/// Which header fields tell callers over HTTP of the limits. Callers over gRPC are told none.
///
/// The fields of the draft say everything there is to say; each revision of the draft changed them, so it stands in the
/// name of the constructor.
///
/// ```
/// use tower_warden::rate_limit::{Fields, Quota, RateLimitLayer};
///
/// let limiter = RateLimitLayer::by_address("hourly", Quota::per_hour(2));
/// assert!(limiter.clone().fields(Fields::draft_10().and_legacy_x_ratelimit()).build().is_ok());
/// // A secret of zeros was forgotten, not chosen.
/// assert!(limiter.fields(Fields::draft_10().partition_keys([0; 16])).build().is_err());
/// ```
#[derive(Clone)]
#[must_use = "fields are sent once they are given to a builder"]
pub struct Fields {
    pub(super) draft_10: bool,
    pub(super) legacy: bool,
    pub(super) partition: Option<PartitionSecret>,
}

impl Fields {
    /// None, so that nobody learns how hard they may push. A refusal still has its `Retry-After`.
    pub const fn none() -> Self {
        Self { draft_10: false, legacy: false, partition: None }
    }

    /// `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-10 has them. The default.
    ///
    /// For every policy that counts the request: `q`, the tokens that a full bucket holds; `w`, the seconds it takes to refill
    /// an empty one, at least 1; `r`, the whole tokens left; `t`, the seconds until the bucket is full again, or, on a
    /// refusal and for the policies that refuse, until there is enough for this request. A request that costs 5 needs `r`
    /// to be 5.
    pub const fn draft_10() -> Self {
        Self { draft_10: true, ..Self::none() }
    }

    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` alone, for clients that read nothing else.
    /// See [`and_legacy_x_ratelimit`](Self::and_legacy_x_ratelimit).
    pub const fn legacy_x_ratelimit() -> Self {
        Self { legacy: true, ..Self::none() }
    }

    /// Sends `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` too.
    ///
    /// They are no standard, and have room for one policy: that which has the least left, measured against its burst; of
    /// nested limiters the same. `Limit` is the burst, `Remaining` the tokens left, `Reset` the seconds until the bucket is
    /// full again, or, on a refusal, until there is enough: a span, never a date. A limit in
    /// [shadow mode](crate::rate_limit::Limit::shadow) is not among them.
    pub const fn and_legacy_x_ratelimit(mut self) -> Self {
        self.legacy = true;
        self
    }

    /// Adds to the draft's fields whose bucket they speak of, as the parameter `pk`: a hash of policy and caller that nobody
    /// without the secret can compute or undo (SipHash-2-4, 128 bits; section 6.1). Clients that share an address see by it
    /// that they share a quota.
    ///
    /// Give all processes the same secret, 16 random bytes that serve for nothing else. A secret of zeros is a problem at
    /// build time, as is one without the draft's fields.
    pub const fn partition_keys(mut self, secret: [u8; 16]) -> Self {
        self.partition = Some(PartitionSecret::new(secret));
        self
    }

    pub(in crate::rate_limit) const fn announce(&self) -> bool {
        self.draft_10 || self.legacy
    }

    pub(in crate::rate_limit) const fn is_draft_10(&self) -> bool {
        self.draft_10
    }

    pub(in crate::rate_limit) const fn partition(&self) -> Option<&PartitionSecret> {
        self.partition.as_ref()
    }

    pub(in crate::rate_limit) fn check(&self, problems: &mut Problems) {
        let Some(secret) = &self.partition else { return };
        if secret.is_zero() {
            problems.add("rate limit fields", "the secret of partition keys is all zeros");
        }
        if !self.draft_10 {
            problems.add("rate limit fields", "partition keys need the fields of the draft");
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::draft_10()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields")
            .field("draft_10", &self.draft_10)
            .field("legacy_x_ratelimit", &self.legacy)
            .field("partition_keys", &self.partition.is_some())
            .finish()
    }
}

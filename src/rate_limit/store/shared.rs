use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Health, Lease};
use crate::rate_limit::bucket::{Bucket, Decision, Draw};
use crate::rate_limit::key::KeyBytes;

/// Buckets outside this process, which several processes share.
pub(in crate::rate_limit) trait SharedStore:
    fmt::Debug + Send + Sync
{
    /// Draws from all of these buckets, or from none of them if one that binds has too little.
    ///
    /// Draws for `requests` requests like this one at once if every binding bucket has enough for all of them, and
    /// otherwise for one. A bucket that is only looked at ([`Draw::Peek`]) is looked at for one. Answers within its
    /// [patience](Self::patience).
    fn draw(
        &self,
        orders: Vec<Order>,
        requests: u32,
    ) -> BoxFuture<'static, Result<Granted, StoreError>>;

    /// Draws from these buckets some time soon, without an answer: what is owed for a request that is over.
    fn owe(&self, orders: Vec<Order>);

    /// How the store is: one for all its clones.
    fn health(&self) -> &Arc<Health>;

    /// Whether the orders of one draw have to be of one key, because the buckets of another may be on another server.
    fn one_key_only(&self) -> bool {
        false
    }

    /// How long it takes at most to answer, or to say that it cannot.
    fn patience(&self) -> Duration;

    /// How tokens are drawn ahead for keys that are hot; none are unless it says so.
    fn lease(&self) -> Option<Lease> {
        None
    }
}

/// What a store answers.
#[derive(Clone, Debug)]
pub(in crate::rate_limit) struct Granted {
    /// For how many requests was drawn, where there was enough: those asked for, or one.
    pub(in crate::rate_limit) requests: u32,
    /// What the buckets hold now, in the order of the orders.
    pub(in crate::rate_limit) decisions: Vec<Decision>,
}

/// One bucket to draw from.
#[allow(dead_code)]
#[derive(Clone, Debug)]
pub(in crate::rate_limit) struct Order {
    pub(in crate::rate_limit) policy: Arc<str>,
    /// Whose bucket it is.
    pub(in crate::rate_limit) key: KeyBytes,
    pub(in crate::rate_limit) bucket: Bucket,
    pub(in crate::rate_limit) cost: u64,
    pub(in crate::rate_limit) draw: Draw,
    /// Whether too little in this bucket keeps the others from being drawn from.
    pub(in crate::rate_limit) binding: bool,
}

/// The store could not be asked, or gave no answer that makes sense.
#[derive(Clone, Debug)]
pub(in crate::rate_limit) struct StoreError(pub(in crate::rate_limit) Arc<str>);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A server, or whoever plays it, writes some of these texts, and they are for the log.
        self.0.chars().try_for_each(|letter| {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())
            } else {
                f.write_char(letter)
            }
        })
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u3_what_a_server_says_forges_no_line_of_the_log() {
        let error = StoreError("ERR no\r\n2026 WARN forged \u{1b}[31m\u{85}".into());
        assert_eq!(error.to_string(), r"ERR no\r\n2026 WARN forged \u{1b}[31m\u{85}");
    }
}

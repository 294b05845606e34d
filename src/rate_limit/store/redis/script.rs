//! What is asked of the server: one script, whatever the number of buckets.

use redis::{Cmd, Script};

use crate::rate_limit::bucket::{Draw, Micros};
use crate::rate_limit::store::{Granted, Order, StoreError};

/// The server's own time: the clocks of the processes that share it need not agree.
const CLOCK: &str = "local now = redis.call('TIME')\nnow = now[1] * 1000000 + now[2]\n";

/// The greatest number that the script answers: a double counts exactly up to it. A negative number is read as a greater one.
const LAST: u64 = (1 << 53) - 1;

const DRAW: &str = include_str!("draw.lua");

/// The script, and the hash by which the server knows it.
pub(super) struct DrawScript {
    text: String,
    hash: String,
}

impl DrawScript {
    pub(super) fn new() -> Self {
        Self::with_clock(CLOCK)
    }

    /// With another first line, which sets `now`.
    pub(super) fn with_clock(clock: &str) -> Self {
        let text = format!("{clock}{DRAW}");
        let hash = Script::new(&text).get_hash().to_owned();
        Self { text, hash }
    }

    /// Runs the script that the server knows by its hash.
    pub(super) fn by_hash(&self, names: &[String], orders: &[Order], requests: u32) -> Cmd {
        command("EVALSHA", &self.hash, names, orders, requests)
    }

    /// Runs the script, and has the server remember it: after a restart, a failover or a `SCRIPT FLUSH`.
    pub(super) fn by_text(&self, names: &[String], orders: &[Order], requests: u32) -> Cmd {
        command("EVAL", &self.text, names, orders, requests)
    }
}

fn command(name: &str, script: &str, names: &[String], orders: &[Order], requests: u32) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(names.len()).arg(names).arg(requests);
    for Order { bucket, cost, draw, binding, .. } in orders {
        let how = match draw {
            Draw::Peek => 0,
            Draw::Take => 1,
            Draw::Owe => 2,
        };
        let all = bucket.span_of(*cost, times(*draw, requests));
        let spans = [bucket.span_of(*cost, 1), all, bucket.capacity()];
        command.arg(how).arg(u8::from(*binding)).arg(bucket.scale());
        for span in spans {
            command.arg(span.whole).arg(span.ticks);
        }
    }
    command
}

/// For how many of so many requests: a bucket that is only looked at is looked at for one.
fn times(draw: Draw, requests: u32) -> u32 {
    if draw == Draw::Peek { 1 } else { requests }
}

/// What the answer comes to. The buckets say so themselves, from the states that the server found, and have to agree.
pub(super) fn granted(
    answer: &[u64],
    orders: &[Order],
    requests: u32,
) -> Result<Granted, StoreError> {
    let bad = || StoreError("the server gave an answer that the script does not have".into());
    let [now, drawn, states @ ..] = answer else { return Err(bad()) };
    let drawn = u32::try_from(*drawn).ok().filter(|drawn| *drawn <= requests).ok_or_else(bad)?;
    if states.len() != 2 * orders.len() || answer.iter().any(|number| *number > LAST) {
        return Err(bad());
    }
    let pairs = || orders.iter().zip(states.chunks_exact(2));
    if pairs().any(|(order, state)| state[1] >= order.bucket.per_micro()) {
        return Err(bad());
    }
    let decide = |(order, state): (&Order, &[u64])| {
        let Order { bucket, cost, draw, .. } = order;
        let state = bucket.state_of(Micros { whole: state[0], ticks: state[1] }, *now);
        let cost = cost.saturating_mul(times(*draw, drawn.max(1)).into());
        let draw = if drawn == 0 { Draw::Peek } else { *draw };
        bucket.draw(state, bucket.instant_of(*now), cost, draw).1
    };
    let decisions: Vec<_> = orders.iter().zip(states.chunks_exact(2)).map(decide).collect();
    let refused = |(order, decision): (&Order, &crate::rate_limit::bucket::Decision)| {
        order.binding && !decision.allowed()
    };
    if orders.iter().zip(&decisions).any(refused) != (drawn == 0) {
        return Err(bad());
    }
    Ok(Granted { requests: drawn.max(1), decisions })
}

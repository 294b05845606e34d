use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::request;
use smallvec::SmallVec;

use super::bucket::{Bucket, Decision, Draw};
use super::charges::{Charges, Drawn};
use super::consumers::Consumers;
use super::headers::{Fields, PartitionKey, announce};
use super::jitter::Jitter;
use super::key::{Found, Key, KeyBytes};
use super::late::LateKey;
use super::limit::{Charged, Limit};
use super::limiter::Afar;
use super::plain::Plain;
use super::refusal::CONTROL;
use super::routes::Routes;
use super::secret::{HashedKey, Secret};
use super::sender::Sender;
use super::shadow::Trial;
use super::store::{Guarded, Held, MemoryStore, Order, StoreError};
use super::terms::Terms;
use crate::clock::Clock;
use crate::gate::Verdict;
use crate::rejection::{Protocol, Rejection, RejectionKind};

/// Limits that are checked together: a request is charged to all of them or to none.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(super) limits: Box<[ActiveLimit]>,
    /// What they count by, each once.
    pub(super) keys: Box<[Key]>,
    pub(super) shared: Option<Arc<Guarded>>,
    pub(super) announces: bool,
    pub(super) plain: Option<Plain>,
    pub(super) fields: Fields,
    pub(super) jitter: Jitter,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) secret: Secret,
}

/// A limit in force.
pub(super) struct ActiveLimit {
    pub(super) limit: Limit,
    /// Its place in [`Limits::keys`].
    pub(super) key: usize,
    pub(super) routes: Option<Box<Routes>>,
    pub(super) terms: ArcSwap<Terms>,
    /// What the state field says of it, up to the number of tokens left.
    pub(super) state_prefix: Box<str>,
    pub(super) table: MemoryStore,
    pub(super) trial: Trial,
    /// Held by whoever changes the terms.
    pub(super) changing: Mutex<()>,
    pub(super) consumers: Option<Consumers>,
    /// What was decided outside this process.
    pub(super) afar: Afar,
}

/// What a request is charged, to one limit.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) limit: usize,
    pub(super) offer: u16,
    terms: u32,
    pub(super) bucket: Bucket,
    pub(super) key: HashedKey,
    pub(super) cost: u64,
    pub(super) draw: Draw,
    /// Whether too little refuses the request.
    pub(super) binding: bool,
    /// Whether it would, were the limit not in shadow mode.
    pub(super) shadow: bool,
    pub(super) partition: Option<PartitionKey>,
}

/// What cannot be charged in this process, or not at once.
#[derive(Default)]
struct Afield {
    orders: Vec<Order>,
    late: Vec<LateKey>,
}

pub(super) type Asked = SmallVec<[Wanted; 2]>;

impl Limits {
    /// The time by which limits count.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Whether most answers have the fields of the draft.
    pub(crate) fn announces(&self) -> bool {
        let counted = |active: &ActiveLimit| active.limit.charged == Charged::Requests;
        self.fields.is_draft_10() && self.limits.iter().any(counted)
    }

    /// Whether a limit counts failed log-ins, and judges for itself which requests make one.
    pub(super) fn counts_failures(&self) -> bool {
        self.limits.iter().any(|active| {
            active.limit.charged == Charged::FailedAuthentication && active.limit.concerns.is_none()
        })
    }

    /// Policies and buckets, for people: `"address": 200 at once, refilled in 10s`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.limits.iter().map(|active| {
            let (name, terms) = (&active.limit.name, active.terms.load());
            let offers = terms.offers().iter().map(|offer| offer.line(&*self.clock));
            let only = active.limit.routes.only.iter().flatten();
            let only = only.map(|route| format!(", only {route}")).collect::<String>();
            let shared = if self.shared.is_some() { ", shared" } else { "" };
            let shadow = if active.limit.shadow { ", shadow: refuses nothing" } else { "" };
            let offers = offers.collect::<Vec<_>>().join(", ");
            format!("{name:?}: {offers}{only}{shared}{shadow}")
        })
    }

    /// Charges a request, or says why it is refused. What is known of its sender is not looked up.
    pub(crate) fn admit(
        self: &Arc<Self>,
        head: &request::Parts,
        sender: Sender<'_>,
        protocol: Protocol,
        now: Duration,
    ) -> Verdict<Charges> {
        let announces = self.announces && protocol == Protocol::Http;
        if let Some(plain) = &self.plain
            && let Some(charges) = self.admit_plain(plain, head, sender, announces, now)
        {
            return Verdict::admit(charges);
        }
        self.admit_fully(head, announces, now)
    }

    /// The same, whatever the limits ask for; apart, so that the short way stays short.
    #[inline(never)]
    fn admit_fully(
        self: &Arc<Self>,
        head: &request::Parts,
        announces: bool,
        now: Duration,
    ) -> Verdict<Charges> {
        let mut asked = Asked::new();
        let mut afar = Afield::default();
        if let Err(rejection) = self.ask(head, &mut asked, &mut afar) {
            return Verdict::refuse(rejection);
        }
        if self.shared.is_none() && afar.late.is_empty() {
            return Verdict::Ready(self.charge_here(&asked, &[], announces, now));
        }
        let Afield { orders, late } = afar;
        if late.is_empty() {
            return self.charge(asked, orders, announces, now);
        }
        self.charge_later(late, asked, orders, announces)
    }

    /// Charges all of it in this process's memory, or nothing.
    pub(super) fn charge_here(
        &self,
        asked: &Asked,
        orders: &[Order],
        announces: bool,
        now: Duration,
    ) -> Result<Charges, Rejection> {
        let mut held = self.hold(asked, now);
        if asked.iter().zip(&held).any(|(wanted, held)| wanted.is_short(held.decision())) {
            return Err(self.refuse_here(asked, held, announces, now));
        }
        for (wanted, held) in asked.iter().zip(&mut held) {
            held.draw();
            held.count(wanted.is_charged(held.decision()), false);
            held.release();
        }
        let mut charges = Charges::default();
        for (number, (wanted, held)) in asked.iter().zip(&held).enumerate() {
            let (decision, order) = (held.decision(), orders.get(number));
            self.charge_one(wanted, decision, order, announces, &mut charges);
            self.limits[wanted.limit].table.note_overflows(now);
        }
        Ok(charges)
    }

    /// Holds the bucket of each limit, in their order.
    pub(super) fn hold(&self, asked: &Asked, now: Duration) -> SmallVec<[Held<'_>; 2]> {
        let mut held = SmallVec::new();
        for Wanted { limit, key, bucket, cost, draw, .. } in asked {
            held.push(self.limits[*limit].table.hold(*key, bucket, now, *cost, *draw));
        }
        held
    }

    #[cold]
    pub(super) fn refuse_here(
        &self,
        asked: &Asked,
        held: SmallVec<[Held<'_>; 2]>,
        announces: bool,
        now: Duration,
    ) -> Rejection {
        let leave = |(wanted, mut held): (&Wanted, Held<'_>)| {
            held.count(false, wanted.is_short(held.decision()));
            held.leave(&wanted.bucket, wanted.cost)
        };
        let decisions: SmallVec<[Decision; 2]> = asked.iter().zip(held).map(leave).collect();
        for wanted in asked {
            self.limits[wanted.limit].table.note_overflows(now);
        }
        self.refusal(asked, &decisions, announces)
    }

    /// Charges all of it, or nothing.
    pub(super) fn charge(
        self: &Arc<Self>,
        asked: Asked,
        orders: Vec<Order>,
        announces: bool,
        now: Duration,
    ) -> Verdict<Charges> {
        let Some(shared) = &self.shared else {
            return Verdict::Ready(self.charge_here(&asked, &[], announces, now));
        };
        self.admit_shared(shared, asked, orders, announces, now)
    }

    /// Who is charged how much.
    fn ask(
        &self,
        head: &request::Parts,
        asked: &mut Asked,
        afield: &mut Afield,
    ) -> Result<(), Rejection> {
        let mut bytes = KeyBytes::new();
        // Limits of one key stand together.
        let mut written: Option<(usize, Option<HashedKey>)> = None;
        for (index, active) in self.limits.iter().enumerate() {
            let ActiveLimit { limit, key, routes, terms, .. } = active;
            let routes = routes.as_deref();
            if routes.is_some_and(|routes| !routes.concern(head)) || limit.exemptions.hold(head)? {
                continue;
            }
            let hashed = match written {
                Some((same, hashed)) if same == *key => hashed,
                _ => {
                    bytes.clear();
                    let found = match self.keys[*key].write(head, routes, &mut bytes) {
                        // A limit on trial refuses nothing, whatever its key does.
                        Err(error)
                            if limit.shadow && error.kind() == RejectionKind::Unavailable =>
                        {
                            continue;
                        }
                        found => found?,
                    };
                    let hashed = match found {
                        Found::Caller => Some(self.keys[*key].hash(head, &bytes, &self.secret)),
                        Found::Nobody => None,
                        Found::Later(found) => {
                            afield.late.push(LateKey { key: *key, found });
                            Some(HashedKey::UNKNOWN)
                        }
                    };
                    written = Some((*key, hashed));
                    hashed
                }
            };
            let Some(hashed) = hashed else { continue };
            let terms = terms.load();
            let offer = terms.choose(head);
            let draw = match limit.charged {
                Charged::Requests => Draw::Take,
                Charged::FailedAuthentication | Charged::Answers => Draw::Peek,
            };
            let bucket = terms.offer(offer).bucket(&*self.clock);
            let own = || limit.cost.of(head);
            let cost = routes.map_or_else(own, |routes| routes.cost(head, own));
            let concerned = limit.concerns.as_ref().is_none_or(|concerns| concerns(head));
            let mut wanted = Wanted {
                limit: index,
                offer,
                terms: terms.id(),
                bucket,
                key: hashed,
                // More than there ever is, is as good as any more.
                cost: cost.min(bucket.burst() + 1),
                draw,
                binding: concerned && !limit.shadow,
                shadow: concerned && limit.shadow,
                partition: None,
            };
            if hashed != HashedKey::UNKNOWN {
                self.name(&mut wanted, &bytes);
            }
            if self.shared.is_some() {
                afield.orders.push(wanted.order(limit, &bytes));
            }
            asked.push(wanted);
        }
        Ok(())
    }

    /// Says whose buckets they are, once that is known.
    pub(super) fn name(&self, wanted: &mut Wanted, key: &KeyBytes) {
        let ActiveLimit { limit, consumers, .. } = &self.limits[wanted.limit];
        if wanted.key == HashedKey::UNKNOWN {
            wanted.key = self.secret.hash(key);
        }
        wanted.partition = self.fields.partition().map(|secret| secret.hash(&limit.name, key));
        if let Some(consumers) = consumers {
            consumers.note(&self.secret, wanted.key, key, wanted.cost, &*self.clock);
        }
    }

    /// Counts what a store outside this process has decided.
    pub(super) fn count_afar(&self, asked: &Asked, decisions: &[Decision]) {
        let pairs = || asked.iter().zip(decisions);
        let refused = pairs().any(|(wanted, decision)| wanted.is_short(*decision));
        for (wanted, decision) in pairs() {
            let charged = !refused && wanted.is_charged(*decision);
            self.limits[wanted.limit].afar.count(charged, wanted.is_short(*decision));
        }
    }

    /// Admits or refuses, now that the buckets have answered.
    pub(super) fn settle(
        &self,
        asked: &Asked,
        decisions: &[Decision],
        orders: &[Order],
        announces: bool,
    ) -> Result<Charges, Rejection> {
        if asked.iter().zip(decisions).any(|(wanted, decision)| wanted.is_short(*decision)) {
            return Err(self.refusal(asked, decisions, announces));
        }
        let mut charges = Charges::default();
        for (number, (wanted, decision)) in asked.iter().zip(decisions).enumerate() {
            self.charge_one(wanted, *decision, orders.get(number), announces, &mut charges);
        }
        Ok(charges)
    }

    #[cold]
    pub(super) fn refusal(
        &self,
        asked: &Asked,
        decisions: &[Decision],
        announces: bool,
    ) -> Rejection {
        let pairs = || asked.iter().zip(decisions);
        let is_short =
            |(wanted, decision): &(&Wanted, &Decision)| wanted.binding && !decision.allowed();
        let limit = |wanted: &Wanted| &self.limits[wanted.limit].limit;
        let reason = match pairs().find(is_short).map(|(wanted, _)| limit(wanted)) {
            Some(limit) if limit.charged == Charged::FailedAuthentication => {
                "failed_authentication_quota_exceeded"
            }
            Some(limit) => limit.key.spent(),
            None => "quota_exceeded",
        };
        // Nobody is told to come back for what is never admitted.
        let is_hopeless =
            pairs().filter(is_short).any(|(wanted, _)| wanted.cost > wanted.bucket.burst());
        let reason = if is_hopeless { "cost_exceeds_quota" } else { reason };
        let mut rejection = Rejection::new(RejectionKind::QuotaExceeded, reason).by(CONTROL);
        let mut wait = Duration::ZERO;
        for (wanted, decision) in pairs().filter(is_short) {
            rejection = rejection.with_violated_policy(limit(wanted).name.clone());
            wait = wait.max(wanted.bucket.retry_after(*decision));
        }
        if is_hopeless {
            return rejection;
        }
        rejection = rejection.with_retry_after(wait.saturating_add(self.jitter.draw()));
        if announces {
            let mut charges = Charges::default();
            for (wanted, decision) in pairs() {
                // Nobody learns how many guesses are left, only that there are none.
                if limit(wanted).charged == Charged::Requests || is_short(&(wanted, decision)) {
                    charges.tell(wanted, *decision);
                }
            }
            let announced = announce([Some((self, &charges)), None]);
            for (name, value) in announced.into_fields() {
                rejection = rejection.with_header(name, value);
            }
        }
        rejection
    }

    /// How many requests this limit would have refused.
    pub(crate) fn shadow_refusals(&self, policy: &str) -> u64 {
        let of = self.limits.iter().filter(|active| &*active.limit.name == policy);
        of.map(|active| active.trial.refusals()).sum()
    }
}

/// What it was made of, and not its table of a million keys.
impl fmt::Debug for ActiveLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveLimit").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Wanted {
    fn order(&self, limit: &Limit, key: &KeyBytes) -> Order {
        Order {
            policy: limit.name.clone(),
            key: key.clone(),
            bucket: self.bucket,
            cost: self.cost,
            draw: self.draw,
            binding: self.binding,
        }
    }

    /// Whether this limit refuses the request.
    pub(super) const fn is_short(&self, decision: Decision) -> bool {
        self.binding && !decision.allowed()
    }

    /// Whether this limit charges it something, where none refuses the request.
    fn is_charged(&self, decision: Decision) -> bool {
        decision.allowed() && self.draw == Draw::Take
    }

    pub(super) fn drawn(&self, decision: Decision) -> Drawn {
        Drawn {
            limit: self.limit as u16,
            offer: self.offer,
            terms: self.terms,
            remaining: self.bucket.remaining(decision),
            seconds: self.bucket.seconds(decision),
        }
    }
}

pub(super) fn unavailable(error: StoreError) -> Rejection {
    Rejection::new(RejectionKind::ReducedCapacity, "rate_limit_store_unavailable")
        .by(CONTROL)
        .with_source(error)
}

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use http::{request, response};
use smallvec::SmallVec;

use super::bucket::{Bucket, Decision, Draw};
use super::consumers::Consumers;
use super::headers::{Fields, PartitionKey, PolicyLines, announce};
use super::jitter::Jitter;
use super::key::{Found, Key, KeyBytes};
use super::late::LateKey;
use super::limit::{Charged, Limit};
use super::limiter::Afar;
use super::refusal::CONTROL;
use super::routes::Routes;
use super::secret::{HashedKey, Secret};
use super::shadow::{ShadowRefusals, Trial};
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
    pub(super) fields: Fields,
    /// How these limits are announced together.
    pub(super) lines: PolicyLines,
    pub(super) jitter: Jitter,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) secret: Secret,
}

/// A limit in force.
#[derive(Debug)]
pub(super) struct ActiveLimit {
    pub(super) limit: Limit,
    /// Its place in [`Limits::keys`].
    pub(super) key: usize,
    pub(super) routes: Option<Box<Routes>>,
    pub(super) terms: ArcSwap<Terms>,
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
    offer: u16,
    pub(super) bucket: Bucket,
    pub(super) key: HashedKey,
    pub(super) cost: u64,
    pub(super) draw: Draw,
    /// Whether too little refuses the request.
    pub(super) binding: bool,
    /// Whether it would, were the limit not in shadow mode.
    shadow: bool,
    partition: Option<PartitionKey>,
}

/// What is left to do for a request once its answer is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Charges {
    drawn: SmallVec<[Drawn; 2]>,
    owing: SmallVec<[Owing; 1]>,
    aside: Option<Box<Aside>>,
}

/// What few requests bring, kept apart so that the rest stay small.
#[derive(Clone, Debug, Default)]
struct Aside {
    /// One for each that is announced, where partition keys are told.
    partitions: Vec<PartitionKey>,
    /// The limits in shadow mode that would have refused.
    shadowed: Vec<u16>,
}

/// What a limit has left, to announce.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    limit: u16,
    pub(super) offer: u16,
    pub(super) remaining: u64,
    pub(super) seconds: u64,
}

/// What a limit has left, with the words for it.
pub(super) struct Member<'a> {
    pub(super) terms: Guard<Arc<Terms>>,
    pub(super) drawn: Drawn,
    /// Whether the limit refuses nothing.
    pub(super) shadow: bool,
    pub(super) partition: Option<&'a PartitionKey>,
}

/// What a request is charged if its answer says so.
#[derive(Clone, Debug)]
struct Owing {
    limit: u16,
    offer: u16,
    key: HashedKey,
    cost: u64,
    /// For a store outside this process.
    bytes: Option<Box<[u8]>>,
}

pub(super) type Asked = SmallVec<[Wanted; 2]>;

impl Charges {
    /// Announces what a limit has left.
    fn tell(&mut self, wanted: &Wanted, decision: Decision) {
        self.drawn.push(wanted.drawn(decision));
        if let Some(partition) = wanted.partition {
            self.aside.get_or_insert_default().partitions.push(partition);
        }
    }

    /// Whether the answer changes nothing, and nothing is told in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.drawn.is_empty() && self.owing.is_empty() && self.aside.is_none()
    }
}

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
            let shadow = if active.limit.shadow { ", shadow: refuses nothing" } else { "" };
            format!("{name:?}: {}{shadow}", offers.collect::<Vec<_>>().join(", "))
        })
    }

    /// Charges a request, or says why it is refused.
    pub(crate) fn admit(
        self: &Arc<Self>,
        head: &request::Parts,
        protocol: Protocol,
        now: Duration,
    ) -> Verdict<Charges> {
        let mut asked = Asked::new();
        let mut orders = Vec::new();
        let mut late = Vec::new();
        if let Err(rejection) = self.ask(head, &mut asked, &mut orders, &mut late) {
            return Verdict::refuse(rejection);
        }
        let announces = self.announces && protocol == Protocol::Http;
        if !late.is_empty() {
            return self.charge_later(late, asked, orders, announces);
        }
        self.charge(asked, orders, announces, now)
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
            let decisions = self.draw(&asked, now);
            return Verdict::Ready(self.settle(&asked, &decisions, Vec::new(), announces));
        };
        self.admit_shared(shared, asked, orders, announces, now)
    }

    /// Who is charged how much.
    fn ask(
        &self,
        head: &request::Parts,
        asked: &mut Asked,
        orders: &mut Vec<Order>,
        late: &mut Vec<LateKey>,
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
                    let hashed = match self.keys[*key].write(head, routes, &mut bytes)? {
                        Found::Caller => Some(self.secret.hash(&bytes)),
                        Found::Nobody => None,
                        Found::Later(found) => {
                            late.push(LateKey { key: *key, found });
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
                orders.push(wanted.order(limit, &bytes));
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

    /// Draws from the tables in this process's memory: all or none.
    pub(super) fn draw(&self, asked: &Asked, now: Duration) -> SmallVec<[Decision; 2]> {
        let hold = |wanted: &Wanted| {
            let table = &self.limits[wanted.limit].table;
            table.hold(wanted.key, wanted.bucket, now, wanted.draw)
        };
        if let [wanted] = &asked[..] {
            let mut held = hold(wanted);
            let decision = held.draw(wanted.cost, wanted.draw);
            held.count(wanted.is_charged(decision, false), wanted.is_short(decision));
            return SmallVec::from_iter([decision]);
        }
        let mut held: SmallVec<[_; 2]> = asked.iter().map(hold).collect();
        let pairs = || asked.iter().zip(&held);
        let short =
            |(wanted, held): (&Wanted, &Held<'_>)| wanted.is_short(held.decide(wanted.cost));
        let refused = pairs().any(short);
        let draw = |(wanted, held): (&Wanted, &mut Held<'_>)| {
            let decision = held.draw(wanted.cost, if refused { Draw::Peek } else { wanted.draw });
            held.count(wanted.is_charged(decision, refused), wanted.is_short(decision));
            decision
        };
        asked.iter().zip(&mut held).map(draw).collect()
    }

    /// Counts what a store outside this process has decided.
    pub(super) fn count_afar(&self, asked: &Asked, decisions: &[Decision]) {
        let pairs = || asked.iter().zip(decisions);
        let refused = pairs().any(|(wanted, decision)| wanted.is_short(*decision));
        for (wanted, decision) in pairs() {
            let charged = wanted.is_charged(*decision, refused);
            self.limits[wanted.limit].afar.count(charged, wanted.is_short(*decision));
        }
    }

    /// Admits or refuses, now that the buckets have answered.
    pub(super) fn settle(
        &self,
        asked: &Asked,
        decisions: &[Decision],
        orders: Vec<Order>,
        announces: bool,
    ) -> Result<Charges, Rejection> {
        let is_short =
            |(wanted, decision): &(&Wanted, &Decision)| wanted.binding && !decision.allowed();
        if asked.iter().zip(decisions).any(|pair| is_short(&pair)) {
            return Err(self.refusal(asked, decisions, announces));
        }
        let mut charges = Charges::default();
        let mut orders = orders.into_iter();
        for (wanted, decision) in asked.iter().zip(decisions) {
            let (limit, order) = (wanted.limit as u16, orders.next());
            if wanted.shadow && !decision.allowed() {
                let Limit { name, .. } = &self.limits[wanted.limit].limit;
                self.limits[wanted.limit].trial.count(name, self.now());
                charges.aside.get_or_insert_default().shadowed.push(limit);
            }
            match self.limits[wanted.limit].limit.charged {
                Charged::Requests if announces => charges.tell(wanted, *decision),
                Charged::Requests => {}
                Charged::FailedAuthentication | Charged::Answers => charges.owing.push(Owing {
                    limit,
                    offer: wanted.offer,
                    key: wanted.key,
                    cost: wanted.cost.min(wanted.bucket.burst()),
                    bytes: order.map(|order| order.key.as_slice().into()),
                }),
            }
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
            let announced = announce(&self.lines, [Some((self, &charges))]);
            for (name, value) in announced.into_fields() {
                rejection = rejection.with_header(name, value);
            }
        }
        rejection
    }

    /// Charges what the answer shows to be due, and leaves in it which limits in shadow mode would have refused.
    pub(crate) fn charge_answer(&self, charges: &Charges, response: &mut response::Parts) {
        for owing in &charges.owing {
            if self.limits[usize::from(owing.limit)].limit.is_due(response) {
                self.owe(owing);
            }
        }
        if let Some(aside) = &charges.aside
            && !aside.shadowed.is_empty()
        {
            let name = |limit: &u16| self.limits[usize::from(*limit)].limit.name.clone();
            ShadowRefusals::add(&mut response.extensions, aside.shadowed.iter().map(name));
        }
    }

    fn owe(&self, owing: &Owing) {
        let ActiveLimit { limit, terms, table, .. } = &self.limits[usize::from(owing.limit)];
        let bucket = terms.load().offer(owing.offer).bucket(&*self.clock);
        let (cost, draw) = (owing.cost, Draw::Owe);
        // In this process too where a store is shared: what it saw outlives an outage.
        let here = match &self.shared {
            Some(shared) if !shared.is_up() => limit.in_outage().bucket(bucket),
            _ => bucket,
        };
        let mut held = table.hold(owing.key, here, self.now(), draw);
        held.draw(cost, draw);
        held.count(true, false);
        drop(held);
        if let (Some(shared), Some(bytes)) = (&self.shared, &owing.bytes) {
            shared.owe(vec![Order {
                policy: limit.name.clone(),
                key: KeyBytes::from_slice(bytes),
                bucket,
                cost,
                draw,
                binding: false,
            }]);
        }
    }

    /// What these charges add to the fields.
    pub(super) fn announced<'a>(
        &'a self,
        charges: &'a Charges,
    ) -> impl Iterator<Item = Member<'a>> + 'a {
        let partitions = charges.aside.as_ref().map_or(&[][..], |aside| &aside.partitions);
        charges.drawn.iter().enumerate().map(|(number, drawn)| {
            let ActiveLimit { limit, terms, .. } = &self.limits[usize::from(drawn.limit)];
            Member {
                terms: terms.load(),
                drawn: *drawn,
                shadow: limit.shadow,
                partition: partitions.get(number),
            }
        })
    }

    /// How many requests this limit would have refused.
    pub(crate) fn shadow_refusals(&self, policy: &str) -> u64 {
        let of = self.limits.iter().filter(|active| &*active.limit.name == policy);
        of.map(|active| active.trial.refusals()).sum()
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
    const fn is_short(&self, decision: Decision) -> bool {
        self.binding && !decision.allowed()
    }

    /// Whether this limit charged it something, where `refused` says that one of them refuses the request.
    fn is_charged(&self, decision: Decision, refused: bool) -> bool {
        !refused && decision.allowed() && self.draw == Draw::Take
    }

    fn drawn(&self, decision: Decision) -> Drawn {
        Drawn {
            limit: self.limit as u16,
            offer: self.offer,
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

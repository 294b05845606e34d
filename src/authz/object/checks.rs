use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use http::Extensions;

use super::{ActionKind, Asker, Served};
use crate::authz::Rule;
use crate::authz::rules::Table;
use crate::rejection::{Arrival, CorrelationId, Protocol, RejectionKind};

/// A check of the declared type allowed the action that the rule demands.
const PERMITTED: u8 = 1;
/// A list of the declared type was filtered, or what its query found was verified.
const SCOPED: u8 = 2;
/// The handler said why no check is needed.
const SKIPPED: u8 = 4;
/// A check denied: the caller may not know of the object.
const HIDDEN: u8 = 8;
/// A check denied: the caller may know of the object.
const FORBIDDEN: u8 = 16;
/// A check could not tell, because something is down.
const UNAVAILABLE: u8 = 32;
const DENIED: u8 = HIDDEN | FORBIDDEN | UNAVAILABLE;
/// A tripwire waits for the answer.
const CLAIMED: u8 = 64;
/// A query for a list of the declared type was given its constraint.
const CONSTRAINED: u8 = 128;

/// What was checked for one request, shared by its guards and the tripwire that waits for the answer.
pub(crate) struct Checks {
    pub(super) table: Arc<Table>,
    rule: Arc<Rule>,
    enforced: bool,
    state: AtomicU8,
    correlation_id: Option<CorrelationId>,
    /// Those of rules around: what is checked here counts for them too.
    outer: Option<Arc<Self>>,
}

/// Why an answer must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authz) enum Lapse {
    /// Nothing of what the rule declares was checked.
    NotPerformed,
    /// A check denied, and the handler answers as if it had not.
    DenialSwallowed,
}

impl Lapse {
    /// The stable code for the log.
    pub(in crate::authz) const fn reason(self) -> &'static str {
        match self {
            Self::NotPerformed => "authz_not_performed",
            Self::DenialSwallowed => "authz_denial_swallowed",
        }
    }
}

impl Checks {
    /// Starts the record of a request whose rule serves objects, and leaves it with the request. `enforced`: whether an
    /// answer without the check is withheld, or only reported.
    ///
    /// A `Warden` has it in its own extension, a layer that stands alone leaves one in any case: its tripwire looks there.
    pub(in crate::authz) fn begin(
        table: Arc<Table>,
        rule: Arc<Rule>,
        enforced: bool,
        extensions: &mut Extensions,
        stands_alone: bool,
    ) -> Arc<Self> {
        // There only if a layer that stands alone is further out.
        let standing = extensions.get::<Arc<Self>>().cloned();
        let arrival = Arrival::of_mut(extensions);
        let correlation_id = arrival.as_ref().map(|arrival| arrival.correlation_id);
        let around = arrival.as_ref().and_then(|arrival| arrival.checks.clone());
        let outer = around.or(standing);
        let state = AtomicU8::new(0);
        let checks = Arc::new(Self { table, rule, enforced, state, correlation_id, outer });
        if let Some(arrival) = arrival {
            arrival.checks = Some(Arc::clone(&checks));
        }
        if stands_alone {
            extensions.insert(Arc::clone(&checks));
        }
        checks
    }

    /// The innermost checks of the request that these extensions belong to, if a rule serves objects.
    pub(crate) fn of(extensions: &Extensions) -> Option<Arc<Self>> {
        let arrived = Arrival::of(extensions).and_then(|arrival| arrival.checks.as_ref());
        arrived.or_else(|| extensions.get()).cloned()
    }

    /// Who asks for the object, in this protocol.
    pub(crate) const fn asker(&self, protocol: Protocol) -> Asker {
        Asker { protocol, correlation_id: self.correlation_id }
    }

    fn served(&self) -> Option<&Served> {
        self.rule.access.serves()
    }

    pub(in crate::authz) const fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// Whether an answer without the check is withheld, or only reported.
    pub(in crate::authz) const fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// Takes it upon the caller to wait for the answer; false when somebody further out does already.
    pub(in crate::authz) fn claim(&self) -> bool {
        self.state.fetch_or(CLAIMED, Ordering::Relaxed) & CLAIMED == 0
    }

    /// A check allowed this action on an object of this type.
    pub(super) fn permitted(&self, type_id: TypeId, action: ActionKind) {
        self.note(PERMITTED, type_id, action);
    }

    /// A list of this type was reduced to those on which this action is allowed.
    pub(super) fn scoped(&self, type_id: TypeId, action: ActionKind) {
        self.note(SCOPED, type_id, action);
    }

    /// A query for a list of this type was constrained to those on which this action is allowed.
    pub(super) fn constrained(&self, type_id: TypeId, action: ActionKind) {
        self.note(CONSTRAINED, type_id, action);
    }

    /// Counts only what the rule declares, or a rule around it.
    fn note(&self, what: u8, type_id: TypeId, action: ActionKind) {
        for checks in self.outwards() {
            if checks.served().is_some_and(|served| served.demands(type_id, action)) {
                checks.state.fetch_or(what, Ordering::Relaxed);
            }
        }
    }

    /// A check of any type denied, or could not tell, and this is what the caller may know of it.
    pub(super) fn denied(&self, kind: RejectionKind) {
        let how = match kind {
            RejectionKind::NotFound => HIDDEN,
            RejectionKind::Unavailable => UNAVAILABLE,
            _ => FORBIDDEN,
        };
        self.outwards().for_each(|checks| _ = checks.state.fetch_or(how, Ordering::Relaxed));
    }

    /// The handler says why no check is needed.
    pub(super) fn skip(&self, reason: &'static str) {
        for checks in self.outwards() {
            checks.state.fetch_or(SKIPPED, Ordering::Relaxed);
            checks.rule.skips.note(reason);
        }
    }

    /// What the caller may know of a denial, if there was one; of several the one that tells least.
    pub(in crate::authz) fn denial(&self) -> Option<RejectionKind> {
        let state = self.state.load(Ordering::Relaxed);
        let among = |how| state & how != 0;
        Some(match () {
            () if among(HIDDEN) => RejectionKind::NotFound,
            () if among(UNAVAILABLE) => RejectionKind::Unavailable,
            () if among(FORBIDDEN) => RejectionKind::Forbidden,
            () => return None,
        })
    }

    /// Whether an answer that succeeds may leave.
    pub(in crate::authz) fn conclude(&self) -> Result<(), Lapse> {
        let state = self.state.load(Ordering::Relaxed);
        let wanted = match self.served() {
            Some(served) if served.trusts_constraint() => SCOPED | CONSTRAINED,
            Some(served) if served.is_list() => SCOPED,
            _ => PERMITTED,
        };
        if state & DENIED != 0 {
            Err(Lapse::DenialSwallowed)
        } else if state & (wanted | SKIPPED) == 0 {
            Err(Lapse::NotPerformed)
        } else {
            Ok(())
        }
    }

    /// These, and those of the rules around.
    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |checks| checks.outer.as_deref())
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks")
            .field("rule", &self.rule)
            .field("conclusion", &self.conclude())
            .finish_non_exhaustive()
    }
}

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use http::Extensions;

use super::{ActionKind, Served};
use crate::authz::Rule;
use crate::authz::rules::Table;
use crate::rejection::{Arrival, RejectionKind};

/// A check of the declared type allowed the action that the rule demands.
const PERMITTED: u8 = 1;
/// A list of the declared type was filtered, or its query was constrained.
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

/// What was checked for one request, shared by its guards and the tripwire that waits for the answer.
pub(crate) struct Checks {
    pub(super) table: Arc<Table>,
    rule: Arc<Rule>,
    served: Served,
    enforced: bool,
    state: AtomicU8,
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
    /// Nothing is checked yet. `enforced`: whether an answer without the check is withheld, or only reported.
    pub(in crate::authz) fn new(
        table: Arc<Table>,
        rule: Arc<Rule>,
        served: Served,
        enforced: bool,
        outer: Option<Arc<Self>>,
    ) -> Self {
        Self { table, rule, served, enforced, state: AtomicU8::new(0), outer }
    }

    /// Leaves them with the request: in the `Warden`'s own extension if there is one, else as an extension.
    pub(crate) fn join(self: &Arc<Self>, extensions: &mut Extensions) {
        if let Some(arrival) = Arrival::of_mut(extensions) {
            arrival.checks = Some(Arc::clone(self) as _);
            // A layer that stands alone further out left its own, which are in `outer` now.
            if let Some(standing) = extensions.get_mut::<Arc<Self>>() {
                *standing = Arc::clone(self);
            }
        } else {
            extensions.insert(Arc::clone(self));
        }
    }

    /// The checks of the request that these extensions belong to, if its rule serves objects.
    ///
    /// A layer that stands alone leaves them as an extension, a `Warden` in its own.
    pub(crate) fn of(extensions: &Extensions) -> Option<Arc<Self>> {
        let own = extensions.get::<Arc<Self>>().cloned();
        own.or_else(|| Arc::clone(Arrival::of(extensions)?.checks.as_ref()?).downcast().ok())
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

    /// Counts only what the rule declares, or a rule around it.
    fn note(&self, what: u8, type_id: TypeId, action: ActionKind) {
        for checks in self.outwards() {
            if checks.served.demands(type_id, action) {
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
        let wanted = if self.served.is_list() { SCOPED } else { PERMITTED };
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

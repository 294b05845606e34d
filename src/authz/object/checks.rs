use std::any::TypeId;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use http::Extensions;

use super::{ActionKind, Served};
use crate::authz::Rule;
use crate::authz::rules::Table;
use crate::rejection::Arrival;

/// A check of the declared type allowed the action that the rule demands.
const PERMITTED: u8 = 1;
/// A list of the declared type was filtered, or its query was constrained.
const SCOPED: u8 = 2;
/// A check denied, or could not tell.
const DENIED: u8 = 4;

/// What was checked for one request, shared by its guards and the tripwire that waits for the answer.
pub(in crate::authz) struct Checks {
    pub(super) table: Arc<Table>,
    rule: Arc<Rule>,
    served: Served,
    state: AtomicU8,
    skipped: OnceLock<&'static str>,
}

/// Why an answer must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authz) enum Lapse {
    /// Nothing of what the rule declares was checked.
    NotPerformed,
    /// A check denied, and the handler answers as if it had not.
    DenialSwallowed,
}

impl Checks {
    pub(in crate::authz) fn new(table: Arc<Table>, rule: Arc<Rule>, served: Served) -> Self {
        Self { table, rule, served, state: AtomicU8::new(0), skipped: OnceLock::new() }
    }

    /// The checks of the request that these extensions belong to, if its rule serves objects.
    ///
    /// A layer that stands alone leaves them as an extension, a `Warden` in its own.
    pub(in crate::authz) fn of(extensions: &Extensions) -> Option<Arc<Self>> {
        let own = extensions.get::<Arc<Self>>().cloned();
        own.or_else(|| Arc::clone(Arrival::of(extensions)?.checks.as_ref()?).downcast().ok())
    }

    #[expect(dead_code, reason = "for the tripwire")]
    pub(in crate::authz) const fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// A check allowed this action on an object of this type.
    pub(super) fn permitted(&self, type_id: TypeId, action: ActionKind) {
        let demanded = self.served.action();
        if type_id == self.served.type_id() && demanded.is_none_or(|demanded| demanded == action) {
            self.state.fetch_or(PERMITTED, Ordering::Relaxed);
        }
    }

    /// A list of this type was reduced to what the caller may see.
    #[expect(dead_code, reason = "for lists")]
    pub(super) fn scoped(&self, type_id: TypeId) {
        if type_id == self.served.type_id() {
            self.state.fetch_or(SCOPED, Ordering::Relaxed);
        }
    }

    /// A check of any type denied, or could not tell.
    pub(super) fn denied(&self) {
        self.state.fetch_or(DENIED, Ordering::Relaxed);
    }

    /// The handler says why no check is needed.
    pub(super) fn skip(&self, reason: &'static str) {
        let _ = self.skipped.set(reason);
    }

    /// Why the handler said that no check is needed.
    pub(in crate::authz) fn skipped(&self) -> Option<&'static str> {
        self.skipped.get().copied()
    }

    /// Whether an answer that succeeds may leave.
    pub(in crate::authz) fn conclude(&self) -> Result<(), Lapse> {
        let state = self.state.load(Ordering::Relaxed);
        let wanted = if self.served.is_list() { SCOPED } else { PERMITTED };
        if state & DENIED != 0 {
            Err(Lapse::DenialSwallowed)
        } else if state & wanted == 0 && self.skipped().is_none() {
            Err(Lapse::NotPerformed)
        } else {
            Ok(())
        }
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

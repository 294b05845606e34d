use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::Action;

/// Proof that a policy allowed one action on one object, which it holds.
///
/// Only a [`Guard`](super::Guard) makes one. A repository that takes a `Permit<'_, Order, Delete>` cannot be called before
/// the check, nor with another order than the one that was checked. A permit is not cloned, not changed, and not kept: it
/// lives no longer than the guard of its request.
#[must_use = "a permit that nobody demands proves nothing"]
pub struct Permit<'g, T, A: Action> {
    object: T,
    /// The guard's lifetime, and the action; invariant in both.
    proof: PhantomData<fn(&'g A) -> &'g A>,
}

impl<'g, T, A: Action> Permit<'g, T, A> {
    /// For the guard alone, after its policy allowed it.
    pub(super) const fn new(object: T) -> Self {
        Self { object, proof: PhantomData }
    }

    /// The object. Reading through the permit does the same.
    pub const fn object(&self) -> &T {
        &self.object
    }

    /// The object without the proof.
    pub fn into_object(self) -> T {
        self.object
    }
}

impl<T, A: Action> Deref for Permit<'_, T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

/// The action alone: the object may be personal.
impl<T, A: Action> fmt::Debug for Permit<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("action", &A::NAME).finish_non_exhaustive()
    }
}

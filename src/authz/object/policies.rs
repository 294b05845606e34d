use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use super::ObjectPolicy;

/// The object policies of a route table, one for each type. Few: they are found by looking at each.
#[derive(Clone, Default)]
pub(in crate::authz) struct ObjectPolicies(Vec<Entry>);

#[derive(Clone)]
struct Entry {
    type_id: TypeId,
    type_name: &'static str,
    /// An `Arc<Registered<T>>`.
    policy: Arc<dyn Any + Send + Sync>,
}

/// The policy for one type, sized so that it can be told from others at run time.
pub(super) struct Registered<T>(pub(super) Box<dyn ObjectPolicy<T>>);

impl ObjectPolicies {
    /// Takes one more policy.
    pub(in crate::authz) fn take<T: 'static>(&mut self, policy: impl ObjectPolicy<T>) {
        let (type_id, type_name) = (TypeId::of::<T>(), type_name::<T>());
        let policy = Arc::new(Registered::<T>(Box::new(policy)));
        self.0.push(Entry { type_id, type_name, policy });
    }

    /// Takes over what others hold; gives back the names of types that were there already.
    pub(in crate::authz) fn extend(&mut self, others: Self) -> Vec<&'static str> {
        let is_known = |entry: &&Entry| self.has(entry.type_id);
        let twice = others.0.iter().filter(is_known).map(|entry| entry.type_name).collect();
        self.0.extend(others.0);
        twice
    }

    pub(in crate::authz) fn has(&self, type_id: TypeId) -> bool {
        self.0.iter().any(|entry| entry.type_id == type_id)
    }

    pub(super) fn get<T: 'static>(&self) -> Option<Arc<Registered<T>>> {
        let entry = self.0.iter().find(|entry| entry.type_id == TypeId::of::<T>())?;
        Arc::clone(&entry.policy).downcast().ok()
    }
}

impl fmt::Debug for ObjectPolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|entry| entry.type_name)).finish()
    }
}

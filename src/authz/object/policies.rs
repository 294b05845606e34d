use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Arc;

use super::{ObjectPolicy, QueryPolicy};

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
pub(in crate::authz) struct Registered<T> {
    pub(super) objects: Arc<dyn ObjectPolicy<T>>,
    /// A `Querying<T, C>` of the same policy, if it constrains queries.
    queries: Option<Box<dyn Any + Send + Sync>>,
}

type Querying<T, C> = Arc<dyn QueryPolicy<T, Constraint = C>>;

impl<T: 'static> Registered<T> {
    pub(in crate::authz) fn new(policy: impl ObjectPolicy<T>) -> Self {
        Self { objects: Arc::new(policy), queries: None }
    }

    pub(in crate::authz) fn querying<P: QueryPolicy<T>>(policy: P) -> Self {
        let policy = Arc::new(policy);
        let queries: Querying<T, P::Constraint> = policy.clone();
        Self { objects: policy, queries: Some(Box::new(queries)) }
    }

    /// The policy, if it constrains queries with a `C`.
    pub(super) fn queries<C: 'static>(&self) -> Option<&dyn QueryPolicy<T, Constraint = C>> {
        self.queries.as_ref()?.downcast_ref::<Querying<T, C>>().map(AsRef::as_ref)
    }
}

impl ObjectPolicies {
    /// Takes one more policy.
    pub(in crate::authz) fn take<T: 'static>(&mut self, policy: Registered<T>) {
        let (type_id, type_name) = (TypeId::of::<T>(), type_name::<T>());
        self.0.push(Entry { type_id, type_name, policy: Arc::new(policy) });
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

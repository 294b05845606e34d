//! The constraint in a scope is not changed.

use tower_warden::authz::object::{QueryScope, Read};
use tower_warden_compile_fail::{Order, OwnedBy, list};

pub fn handler(scope: QueryScope<'_, Order, Read, OwnedBy>) {
    scope.constraint().0.clear();
    list(&scope);
}

fn main() {}

//! One scope does not become two, even where its constraint can be cloned.

use tower_warden::authz::object::{QueryScope, Read};
use tower_warden_compile_fail::{Order, OwnedBy, list};

pub fn handler(scope: &QueryScope<'_, Order, Read, OwnedBy>) {
    let copy: QueryScope<'_, Order, Read, OwnedBy> = scope.clone();
    list(&copy);
}

fn main() {}

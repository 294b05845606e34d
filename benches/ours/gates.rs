//! What the machinery behind every control costs by itself.

use http::request;
use tower::Layer;
use tower_warden::gate::{Gate, GateLayer, Verdict};
use tower_warden::rejection::{Rejection, RejectionKind};

use crate::harness::{Bare, Case, case, get, service};

/// Does nothing, to see what a gate costs by itself.
#[derive(Clone, Copy, Debug)]
struct Open(bool);

impl Gate for Open {
    type Pass = ();

    fn admit(&self, _request: &mut request::Parts) -> Verdict<()> {
        if self.0 {
            Verdict::admit(())
        } else {
            Verdict::refuse(Rejection::new(RejectionKind::Forbidden, "closed"))
        }
    }
}

pub(crate) fn bare_case() -> Case {
    case("an empty 200", || service(Bare, get("/", &[]), 200))
}

pub(crate) fn cases() -> Vec<Case> {
    let open = GateLayer::new(Open(true));
    let closed = GateLayer::new(Open(false));
    vec![
        case("a gate that admits", move || service(open.layer(Bare), get("/", &[]), 200)),
        case("eight gates that admit", move || {
            let (two, four) = ((open, open), (open, open, open, open));
            service((two, four, open, open).layer(Bare), get("/", &[]), 200)
        }),
        case("a gate that refuses", move || service(closed.layer(Bare), get("/", &[]), 403)),
    ]
}

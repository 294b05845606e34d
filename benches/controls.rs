//! What each control costs, through a trivial inner service. `docs/performance.md` says how to read it.
//!
//!     cargo bench --all-features
//!     cargo bench --all-features -- gate --no-instructions
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables go to one, progress to the other"
)]

mod harness;
mod ours;

use harness::{Bare, Group, case, floors, get, run, service};

fn main() {
    let empty = || case("an empty 200", || service(Bare, get("/", &[]), 200));
    run(vec![
        Group::absolute("Floors", floors::cases()),
        Group::over(empty(), "Gates", ours::gate()),
    ]);
}

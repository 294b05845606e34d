//! What each control costs, through a trivial inner service. `docs/performance.md` says how to read it.
//!
//!     cargo bench --all-features --bench controls
//!     cargo bench --all-features --bench controls -- Gates --no-instructions
//!     cargo bench --all-features --bench controls -- --memory
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tables go to one, progress to the other"
)]

#[path = "ours/cedar.rs"]
mod cedar;
mod harness;
mod ours;

use harness::{Group, run};

fn main() {
    if std::env::args().any(|word| word == "--memory") {
        ours::memory::report();
        ours::memory::report_tokens();
        return ours::memory::report_scope_use();
    }
    let mut groups = ours::groups();
    groups.extend([
        Group::absolute("Cedar", cedar::cases()),
        Group::over(ours::rules::bare_case(), "Cedar behind rules", cedar::behind_rules()),
        Group::over(ours::tokens::bare_case(), "Tokens", ours::tokens::cases()),
        Group::over(ours::many_keys::bare_case(), "Many keys", ours::many_keys::cases()),
        Group::over(ours::headers::bare_case(), "Headers and errors", ours::headers::cases()),
        Group::over(ours::stack::router_alone(), "The whole stack", ours::stack::over_router()),
    ]);
    run(groups);
}

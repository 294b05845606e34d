//! Neighbouring libraries measured side by side with this one. `docs/performance.md` holds the figures.
//!
//!     cargo run --release --manifest-path benches/peers/Cargo.toml
//!     cargo run --release --manifest-path benches/peers/Cargo.toml -- Headers --no-instructions

#[path = "../../ours/cedar.rs"]
mod cedar;
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../ours/mod.rs"]
mod ours;

mod casbin;
mod gatehouse;
mod headers;
mod many_keys;
mod rate_limit;
mod stack;
mod tokens;

use harness::{Case, Group, run};

fn main() {
    if std::env::args().any(|word| word == "--memory") {
        return many_keys::report();
    }
    tokens::install_aws_lc_for_jsonwebtoken_10();
    let mut groups = ours::groups();
    let tokens = beside(tokens::cases(), ours::tokens::cases());
    let headers = beside(headers::cases(), ours::headers::cases());
    let many_keys = beside(many_keys::cases(), ours::many_keys::cases());
    let stack = beside(stack::cases(), ours::stack::over_router());
    let objects = beside(gatehouse::cases(), ours::objects::asked_cases());
    groups.extend([
        Group::absolute("Objects judged, without layers", objects),
        Group::absolute("Cedar", cedar::cases()),
        Group::absolute("casbin", casbin::cases()),
        Group::over(ours::rules::bare_case(), "Engines behind rules", {
            beside(casbin::behind_rules(), cedar::behind_rules())
        }),
        Group::absolute("Decoding alone", tokens::decoding()),
        Group::over(ours::tokens::bare_case(), "Tokens", tokens),
        Group::over(ours::many_keys::bare_case(), "Many keys", many_keys),
        Group::over(rate_limit::bare_case(), "Rate limiting", rate_limit::cases()),
        Group::over(ours::headers::bare_case(), "Headers and errors", headers),
        Group::over(ours::stack::router_alone(), "The whole stack", stack),
    ]);
    run(groups);
}

/// One table of both.
fn beside(mut neighbours: Vec<Case>, ours: Vec<Case>) -> Vec<Case> {
    neighbours.extend(ours);
    neighbours
}

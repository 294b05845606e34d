//! Neighbouring libraries measured side by side with this one. `docs/performance.md` holds the figures.
//!
//!     cargo run --release --manifest-path benches/peers/Cargo.toml
//!     cargo run --release --manifest-path benches/peers/Cargo.toml -- Headers --no-instructions

#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../ours/mod.rs"]
mod ours;

mod headers;
mod rate_limit;
mod stack;
mod tokens;

use harness::{Bare, Group, case, floors, get, run, service};

fn main() {
    tokens::install_aws_lc_for_jsonwebtoken_10();
    let empty = || case("an empty 200", || service(Bare, get("/", &[]), 200));
    run(vec![
        Group::absolute("Floors", floors::cases()),
        Group::absolute("Decoding alone", tokens::decoding()),
        Group::over(empty(), "Gates", ours::gate()),
        Group::over(tokens::bare_case(), "Tokens", tokens::cases()),
        Group::over(rate_limit::bare_case(), "Rate limiting", rate_limit::cases()),
        Group::over(headers::bare_case(), "Headers and errors", headers::cases()),
        Group::over(stack::router_alone(), "The whole stack", stack::cases()),
    ]);
}

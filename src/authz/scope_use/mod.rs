//! Least privilege, made visible: which of the scopes and roles that callers hold are used.
//!
//! A [`ScopeUse`] records what admitted requests needed. Give it to the stack, ask it for a [`ScopeUseReport`], and take from
//! callers what they never use.
//!
//! # Rules
//!
//! 1. Recorded is who is authenticated and whose request the rules admitted: by issuer, subject, kind and client. A request
//!    that was refused leaves no trace; one to a public route counts, and uses nothing.
//! 2. A scope or role is *granted* when a credential of such a request carried it, and *used* when the rule's decision rested
//!    on it: every part of `all_of`; of `any_of` the one part that allowed, the first in the order in which the policy prints
//!    itself. Under `not`, what kept the inside from allowing.
//! 3. So a caller who had held only what it used would have been admitted to every recorded request. The reverse does not
//!    hold: with `any_of` another grant might have done as well.
//! 4. Room is for a fixed number of principals, and of each for 64 scopes and 64 roles. Who is recorded stays: newcomers never
//!    push anybody out. They take the place of somebody who was not seen for the retention (90 days unless said otherwise) where
//!    they come across one; otherwise they are counted in `principals_not_recorded`. Nobody gets in without a good credential.
//! 5. A principal that was seen before costs no allocation, and a lock that it shares with one in 64 others.
//!
//! # What is not checked
//!
//! Scopes that are read outside of `scope` and `role`: in a [`check`](fn@super::check) of your own, or by a handler. To this report
//! they are never used. Nor what became of a request behind the rules: a handler may have refused it. Each process counts for
//! itself, and since it started; whoever runs several has to add up.
//!
//! # Deployment caveat
//!
//! The report is personal data: subjects, and when they were last active. It is kept in memory only. Who was not seen for the
//! retention is in no report, and [`clear`](ScopeUse::clear) or [`take`](ScopeUse::take) forgets everybody. Export it on a
//! schedule from a route that few may use, and take away what was not used over a whole period of the business, such as a
//! quarter with its closing.
//!
//! ```
//! use axum::extract::State;
//! use axum::{Json, Router, routing::{get, post}};
//! use tower_warden::authz::scope_use::{ScopeUse, ScopeUseReport};
//! use tower_warden::authz::{Rules, role, scope};
//! use tower_warden::testing::TestIssuer;
//! use tower_warden::Warden;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let scope_use = ScopeUse::new(10_000);
//! let warden = Warden::builder()
//!     .trust_issuer(issuer.trust())
//!     .scope_use(&scope_use)
//!     .rules(
//!         Rules::builder()
//!             .get("/orders", scope("orders:read"))
//!             .post("/orders", scope("orders:write"))
//!             .post("/access-review", role("security")),
//!     )
//!     .build()?;
//!
//! /// Called by a scheduled job: hands over what was recorded, and starts anew.
//! async fn review(State(scope_use): State<ScopeUse>) -> Json<ScopeUseReport> {
//!     Json(scope_use.take())
//! }
//!
//! let app = Router::new()
//!     .route("/orders", get(async || "orders").post(async || "placed"))
//!     .route("/access-review", post(review))
//!     .with_state(scope_use.clone());
//! let service = warden.guard(app);
//! # use axum::body::Body;
//! # use http::{Request, StatusCode};
//! # use http_body_util::BodyExt;
//! # use tower::ServiceExt;
//! # use tower_warden::client_address::PeerAddress;
//! # let peer = PeerAddress(std::net::SocketAddr::from(([192, 0, 2, 1], 40000))); // the server tells this
//! # let ask = |method: &str, path: &str, token: &str| {
//! #     let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
//! #     service.clone().oneshot(request.extension(peer).body(Body::empty()).unwrap())
//! # };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//!
//! let ada = issuer.token("ada").scope("orders:read orders:write").sign();
//! assert_eq!(ask("GET", "/orders", &ada).await?.status(), StatusCode::OK);
//! assert_eq!(ask("POST", "/access-review", &ada).await?.status(), StatusCode::FORBIDDEN);
//!
//! let job = issuer.token("review-job").role("security").sign();
//! let answer = ask("POST", "/access-review", &job).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! let report: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
//! assert_eq!(report["never_used"][0]["subject"], "ada");
//! assert_eq!(report["never_used"][0]["scopes"], serde_json::json!(["orders:write"]));
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//! # Ok(()) }
//! ```

mod ledger;
mod left_out;
mod report;
mod seen;
mod table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::ledger::Ledger;
pub use self::report::{GrantTotal, GrantUse, NeverUsed, PrincipalUse, ScopeUseReport};
use super::grants::Grants;
use crate::clock::{Clock, SystemClock};
use crate::principal::Principal;

/// How long somebody stays recorded whom nobody sees: a quarter, for yearly reviews are too rare and monthly ones too short.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 3_600);

/// Records which scopes and roles admitted requests needed. Clones record into the same book.
///
/// Give it to [`WardenBuilder::scope_use`](crate::warden::WardenBuilder::scope_use) or
/// [`RulesLayer::scope_use`](super::RulesLayer::scope_use).
#[derive(Clone)]
pub struct ScopeUse(Arc<Ledger>);

impl ScopeUse {
    /// A recorder with room for so many principals, by the system's clock. One of them takes about 850 bytes with five scopes,
    /// and at most some 50 KiB.
    #[must_use]
    pub fn new(principals: usize) -> Self {
        Self::with_clock(SystemClock::default(), principals, RETENTION)
    }

    /// A recorder by a clock of your own, which forgets those whom it has not seen for `retention`.
    #[must_use]
    pub fn with_clock(clock: impl Clock, principals: usize, retention: Duration) -> Self {
        Self(Arc::new(Ledger::new(Arc::new(clock), retention, principals)))
    }

    /// What was recorded so far.
    #[must_use]
    pub fn report(&self) -> ScopeUseReport {
        self.0.report(false)
    }

    /// What was recorded so far, and starts anew. A request that comes meanwhile is in this report or in the next.
    #[must_use = "the record is gone; `clear` is for throwing it away"]
    pub fn take(&self) -> ScopeUseReport {
        self.0.report(true)
    }

    /// Forgets everybody, and starts anew.
    pub fn clear(&self) {
        self.0.report(true);
    }

    /// Counts one request that was admitted, and what of the principal's grants that rested on.
    pub(super) fn record(&self, principal: &Principal, used: Grants) {
        self.0.record(principal, used);
    }
}

/// How many are recorded; never who.
impl fmt::Debug for ScopeUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeUse")
            .field("recorded", &self.0.recorded())
            .field("most", &self.0.most)
            .finish_non_exhaustive()
    }
}

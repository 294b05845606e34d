//! An authorization matrix: who may do what to whose, as one table that is tested.
//!
//! Actors across, requests down, and in each cell what is expected ([OWASP, Authorization Testing Automation][owasp]). The
//! matrix sends every request as every actor and lists what is not as expected.
//!
//! # Rules
//!
//! 1. A cell that nobody wrote expects a refusal: 401, 403 or 404. Deny by default holds in the test too.
//! 2. Rows are asked in the order written. Within a row, those who are to be let in come last: what they change must not hide
//!    what the others are answered. Nothing depends on the time.
//! 3. With [`covering`](AuthorizationMatrix::covering), every rule needs a row, somebody who is admitted, and unless it is
//!    public somebody who is refused; every actor has to be named in some row. What is missing fails the test.
//! 4. A 5xx, an answer that breaks off and no answer at all are never as expected, except where a cell says exactly that status.
//! 5. Over gRPC the status code counts. It is read from the header section where it is there, otherwise behind the messages.
//!
//! # What is not checked
//!
//! Bodies: a list that holds too much is a 200. Streams that never end are waited for. Rate limits apply as to anybody: every
//! actor comes from an address of its own (192.0.2.0/24), but a large matrix needs larger quotas.
//!
//! [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Authorization_Testing_Automation_Cheat_Sheet.html
//!
//! ```
//! use axum::extract::Path;
//! use axum::http::StatusCode;
//! use axum::{Router, routing::get};
//! use tower_warden::authz::{Rules, public, role, scope};
//! use tower_warden::testing::{Actor, AuthorizationMatrix, Call, Expected, TestIssuer};
//! use tower_warden::{Principal, Warden};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
//! let rules = Rules::builder()
//!     .get("/health", public("probe"))
//!     .get("/orders/{id}", scope("orders:read"))
//!     .get("/admin", role("admin"));
//! let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build()?;
//!
//! async fn order(Path(owner): Path<String>, caller: Principal) -> StatusCode {
//!     if owner == caller.subject() { StatusCode::OK } else { StatusCode::NOT_FOUND }
//! }
//! let app = Router::new()
//!     .route("/health", get(async || "up"))
//!     .route("/orders/{id}", get(order))
//!     .route("/admin", get(async || "numbers"));
//!
//! let matrix = AuthorizationMatrix::new([
//!         Actor::new("ada").bearer(&issuer.token("ada").scope("orders:read").sign()),
//!         Actor::new("eve").bearer(&issuer.token("eve").scope("orders:read").sign()),
//!         Actor::new("admin").bearer(&issuer.token("root").role("admin").sign()),
//!         Actor::new("nobody"),
//!     ])
//!     .allow_everybody(Call::get("/health"))
//!     //                                                  ada  eve  admin nobody
//!     .row(Call::get("/orders/{id}").object("id", "ada's", "ada"), [200, 404, 403, 401])
//!     .expect(Call::get("/orders/{id}").object("id", "eve's", "eve"), [
//!         ("eve", Expected::Allowed),
//!         ("ada", Expected::Hidden),
//!     ])
//!     .allow(Call::get("/admin"), ["admin"])
//!     .allow(Call::get("/debug"), []); // declared nowhere, so nobody gets in
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let report = matrix.clone().covering(warden.rules()).run(warden.guard(app)).await;
//! report.assert_as_expected();
//!
//! // A service that forgot to ask whose order it is: the matrix finds out.
//! let careless = Router::new()
//!     .route("/health", get(async || "up"))
//!     .route("/orders/{id}", get(async || "an order"))
//!     .route("/admin", get(async || "numbers"));
//! let mismatches = matrix.run(warden.guard(careless)).await.mismatches();
//! assert_eq!(mismatches[0].to_string(), "eve: GET /orders/{id} (ada's): expected 404, got 200");
//! # });
//! # Ok(()) }
//! ```

mod actor;
mod call;
mod coverage;
mod expected;
mod report;
mod table;

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

pub use self::actor::Actor;
pub use self::call::Call;
pub use self::expected::Expected;
use self::expected::Got;
pub use self::report::{MatrixReport, Mismatch};
use crate::authz::Rules;
use crate::client_address::PeerAddress;

/// Actors, requests, and what is expected of each pair. Prints itself as a Markdown table, for documentation.
#[derive(Clone, Debug)]
#[must_use = "a matrix tests nothing until `run`"]
pub struct AuthorizationMatrix {
    actors: Vec<Actor>,
    rows: Vec<Row>,
    rules: Option<Rules>,
    problems: Vec<String>,
}

#[derive(Clone, Debug)]
struct Row {
    call: Call,
    /// One for each actor.
    cells: Vec<Expected>,
    /// Whether somebody wrote the cell.
    named: Vec<bool>,
}

impl AuthorizationMatrix {
    /// A matrix of these actors, in the order of the columns.
    pub fn new(actors: impl IntoIterator<Item = Actor>) -> Self {
        let actors: Vec<_> = actors.into_iter().collect();
        let mut problems: Vec<_> =
            actors.iter().filter_map(|actor| actor.problem.clone()).collect();
        for (index, actor) in actors.iter().enumerate() {
            if actors[..index].iter().any(|earlier| earlier.name == actor.name) {
                problems.push(format!("actor {}: is there twice", actor.name));
            }
        }
        Self { actors, rows: Vec::new(), rules: None, problems }
    }

    /// Says what is expected of every actor, in the order of the columns.
    pub fn row<E: Into<Expected>>(self, call: Call, cells: impl IntoIterator<Item = E>) -> Self {
        let cells: Vec<_> = cells.into_iter().map(Into::into).collect();
        let problem = (cells.len() != self.actors.len())
            .then(|| format!("{call}: {} cells for {} actors", cells.len(), self.actors.len()));
        let named = vec![true; cells.len()];
        self.take(Row { call, cells, named }, problem)
    }

    /// Says what is expected of the actors of these names; all others are expected to be refused.
    pub fn expect<'a, E: Into<Expected>>(
        self,
        call: Call,
        cells: impl IntoIterator<Item = (&'a str, E)>,
    ) -> Self {
        let mut row = Row {
            call,
            cells: vec![Expected::Refused; self.actors.len()],
            named: vec![false; self.actors.len()],
        };
        let mut problem = None;
        for (name, expected) in cells {
            match self.actors.iter().position(|actor| actor.name == name) {
                Some(column) if !row.named[column] => {
                    row.cells[column] = expected.into();
                    row.named[column] = true;
                }
                Some(_) => problem = Some(format!("{}: {name} is there twice", row.call)),
                None => problem = Some(format!("{}: there is no actor {name}", row.call)),
            }
        }
        self.take(row, problem)
    }

    /// Expects the actors of these names to be let in, and all others to be refused.
    pub fn allow<'a>(self, call: Call, actors: impl IntoIterator<Item = &'a str>) -> Self {
        self.expect(call, actors.into_iter().map(|name| (name, Expected::Allowed)))
    }

    /// Expects everybody to be let in.
    pub fn allow_everybody(self, call: Call) -> Self {
        let cells = vec![Expected::Allowed; self.actors.len()];
        self.row(call, cells)
    }

    /// Demands that the matrix leaves none of these rules untested, and none of its actors unnamed.
    pub fn covering(mut self, rules: &Rules) -> Self {
        self.rules = Some(rules.clone());
        self
    }

    fn take(mut self, row: Row, problem: Option<String>) -> Self {
        self.problems.extend(problem.or_else(|| row.call.problem()));
        self.rows.push(row);
        self
    }

    /// Sends every request as every actor, one after the other.
    ///
    /// The service may be the one under test itself, such as a router behind a [`Warden`](crate::Warden), or a
    /// `tower::service_fn` that sends the request to a server: its URI is a path, for the closure to put an authority in front.
    /// Where the service takes any body, name one: `run::<_, axum::body::Body, _>(service)`.
    pub async fn run<S, B, R>(&self, mut service: S) -> MatrixReport
    where
        S: Service<Request<B>, Response = Response<R>>,
        S::Error: fmt::Debug,
        B: From<Bytes>,
        R: http_body::Body,
    {
        let mut problems = self.problems.clone();
        problems.extend(self.rules.iter().flat_map(|rules| self.gaps(rules)));
        if self.rows.is_empty() || self.actors.is_empty() {
            problems.push("the matrix is empty".to_owned());
        }
        let mut rows = Vec::new();
        for row in &self.rows {
            let grpc = row.call.is_grpc();
            let mut cells: Vec<_> =
                row.cells.iter().map(|cell| (*cell, Got::Failed("not asked".to_owned()))).collect();
            for admitted in [false, true] {
                for (column, (actor, (expected, got))) in
                    self.actors.iter().zip(&mut cells).enumerate()
                {
                    if expected.admits(grpc) == admitted {
                        *got = ask(&mut service, actor, column, &row.call).await;
                    }
                }
            }
            rows.push((row.call.to_string(), cells));
        }
        let actors = self.actors.iter().map(|actor| actor.name.clone()).collect();
        MatrixReport { actors, rows, problems }
    }
}

/// Sends one request as one actor.
async fn ask<S, B, R>(service: &mut S, actor: &Actor, column: usize, call: &Call) -> Got
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: fmt::Debug,
    B: From<Bytes>,
    R: http_body::Body,
{
    let request = match call.request() {
        Ok(request) => request,
        Err(error) => return Got::Failed(error.to_string()),
    };
    let (mut head, body) = request.into_parts();
    // Addresses for documentation (RFC 5737), for services that are called without a connection.
    let host = 1 + (column % 254) as u8;
    head.extensions.insert(PeerAddress(SocketAddr::from(([192, 0, 2, host], 40_000))));
    actor.prepare(&mut head);
    let request = Request::from_parts(head, B::from(body));
    let answer = match poll_fn(|cx| service.poll_ready(cx)).await {
        Ok(()) => service.call(request).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(response) => Got::read(response).await,
        Err(error) => Got::Failed(format!("{error:?}")),
    }
}

/// What is expected.
impl fmt::Display for AuthorizationMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actors: Vec<_> = self.actors.iter().map(|actor| actor.name.clone()).collect();
        let calls: Vec<_> = self.rows.iter().map(|row| row.call.to_string()).collect();
        let cells = |row: &Row| row.cells.iter().map(ToString::to_string).collect();
        let rows = calls.iter().zip(&self.rows).map(|(call, row)| (&**call, cells(row)));
        table::write(f, &actors, rows)
    }
}

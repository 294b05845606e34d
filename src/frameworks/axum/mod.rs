//! axum: a router that is proved to be covered by rules, extractors for the [`Principal`], and refusals as responses of
//! handlers.
//!
//! [`Routes`] with [`Warden::guard_routes`] finds every route without a rule at start-up, and every rule without a route;
//! the module [`routes`] says how.
//!
//! # Rules
//!
//! 1. `Principal` as an argument demands one: without it the request is refused with 401, or with 500 where no
//!    authentication layer ran at all (a wrong set-up must not look like a wrong password).
//! 2. `Option<Principal>` is `None` for an anonymous caller on a public route; without an authentication layer it is 500
//!    too.
//! 3. `Claims<T>` demands a principal too, and then claims that are a `T`; otherwise 403. `Option<Claims<T>>` is `None` for
//!    an anonymous caller, and still 403 for one whose claims are no `T`.
//! 4. A handler that returns `Result<_, Refusal>` answers with `?` what a guard denies and what [`properties`] refuse.
//!
//! # What is not checked
//!
//! What the principal may do: an extractor is no rule.
//!
//! ```
//! use axum::routing::get;
//! use axum::{Extension, Router, body::Body};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use tower_warden::principal::{Principal, PrincipalKind};
//!
//! async fn whoami(principal: Principal) -> String {
//!     principal.subject().to_owned()
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let ada = Principal::builder("https://issuer.example", "ada", PrincipalKind::User, "Bearer").build();
//! let with_principal = Router::new().route("/", get(whoami)).layer(Extension(ada));
//! assert_eq!(with_principal.oneshot(Request::new(Body::empty())).await?.status(), StatusCode::OK);
//!
//! // No authentication layer: refused, and the log says why.
//! let forgotten = Router::new().route("/", get(whoami));
//! let response = forgotten.oneshot(Request::new(Body::empty())).await?;
//! assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok::<_, std::convert::Infallible>(()) }).unwrap();
//! ```

#[cfg(feature = "tonic")]
mod grpc;
pub mod methods;
mod proof;
pub mod properties;
pub mod routes;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use axum::{Router, ServiceExt};
use http::request::Parts;
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use tower::{Layer, Service};

pub use self::routes::Routes;
use crate::authz::object::{Denied, Guard};
use crate::gate;
use crate::principal::Principal;
use crate::rejection::{Challenges, Protocol, Rejection, RejectionKind, Scene};
use crate::warden::{Guarded, GuardedBody, GuardedFuture, Warden};

/// A refusal that an extractor answers with, or a handler: a [`Denied`] becomes one with `?`.
#[derive(Debug)]
pub struct Refusal(Box<Response>);

impl Refusal {
    /// Logs `rejection` and renders it for the caller of this request.
    #[must_use]
    pub fn new(rejection: Rejection, head: &Parts) -> Self {
        let rejection = rejection.by("extractor");
        rejection.log(head);
        Self(Box::new(rejection.render(&Scene::of(head)).map(Into::into)))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// So that `?` answers in one handler what a guard denies and what an extractor's value refuses. The denial was logged when
/// the check was made.
impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self(Box::new(denied.into_response()))
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let missing = || {
            let rejection = Rejection::new(RejectionKind::Unauthenticated, "no_credentials");
            Refusal::new(rejection, head)
        };
        known(head)?.ok_or_else(missing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, _state: &S) -> Result<Option<Self>, Refusal> {
        known(head)
    }
}

/// The verified claims of the caller's token, as a type of your own.
///
/// Claims are as good as their issuer. Where several issuers are trusted, ask [`Principal::issuer`] as well: what one of
/// them calls a `department` need not be what another does.
///
/// ```
/// use axum::{Router, body::Body, routing::get};
/// use http::{Request, StatusCode};
/// use serde::Deserialize;
/// use tower::ServiceExt;
/// use tower_warden::authn::{AuthenticateLayer, bearer::BearerAuthenticator, jwt::JwtValidator};
/// use tower_warden::frameworks::axum::Claims;
/// use tower_warden::testing::TestIssuer;
///
/// #[derive(Deserialize)]
/// struct Staff {
///     department: String,
/// }
///
/// async fn department(Claims(staff): Claims<Staff>) -> String {
///     staff.department
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = TestIssuer::new("https://issuer.example", "https://api.example");
/// let bearer = BearerAuthenticator::new(JwtValidator::new(issuer.trust()?));
/// let app = Router::new().route("/", get(department)).layer(AuthenticateLayer::new(bearer));
/// let ask = |token: String| {
///     let request = Request::get("/").header("authorization", format!("Bearer {token}"));
///     app.clone().oneshot(request.body(Body::empty()).unwrap())
/// };
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert_eq!(ask(issuer.token("ada").claim("department", "looms").sign()).await?.status(), StatusCode::OK);
/// assert_eq!(ask(issuer.token("eve").sign()).await?.status(), StatusCode::FORBIDDEN);
/// # Ok::<_, std::convert::Infallible>(()) })?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made to be taken apart in a handler's arguments")]
pub struct Claims<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Claims<T> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let principal = <Principal as FromRequestParts<S>>::from_request_parts(head, state).await?;
        Self::of(&principal, head)
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, _state: &S) -> Result<Option<Self>, Refusal> {
        known(head)?.map(|principal| Self::of(&principal, head)).transpose()
    }
}

impl<T: DeserializeOwned> Claims<T> {
    fn of(principal: &Principal, head: &Parts) -> Result<Self, Refusal> {
        principal.claims_as().map(Self).map_err(|error| Refusal::new(error.into(), head))
    }
}

/// The guard of the request. Refused as [`Guard::of`] says.
impl<S: Sync, T: 'static> FromRequestParts<S> for Guard<T> {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        Self::asked_in(Protocol::of(&head.headers), &head.extensions)
            .map_err(|rejection| Refusal::new(rejection, head))
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        self.into_http().map(Into::into)
    }
}

/// The principal, or none for an anonymous caller. Without an authentication layer nobody can tell the two apart.
fn known(head: &Parts) -> Result<Option<Principal>, Refusal> {
    let principal = Principal::of(&head.extensions).cloned();
    if principal.is_none() && Challenges::of(&head.extensions).is_none() {
        let rejection = Rejection::new(RejectionKind::Internal, "authentication_layer_missing");
        return Err(Refusal::new(rejection, head));
    }
    Ok(principal)
}

impl Warden {
    /// Puts the stack around a whole router, fallbacks included.
    ///
    /// A route is decided on by the rule that its path matches, and refused when it is asked for where there is none. One that
    /// was forgotten can match a rule that was made for another: `/orders/export` that for `/orders/{id}`.
    /// [`guard_routes`](Self::guard_routes) tells at start-up. Where rules stand in the section of a host or version, a route
    /// that a rule names is decided on by no other: 500, `rule_and_route_disagree`. What comes out is no router: nothing can be added to it that the stack would not see. (`Router::layer` works too,
    /// but misses routes that are added after it.)
    #[must_use]
    pub fn guard(&self, router: Router) -> GuardedRouter {
        GuardedRouter(self.layer(proof::agreeing(self.rules(), router)))
    }
}

/// A router behind a [`Warden`], ready for `axum::serve`.
#[derive(Clone)]
pub struct GuardedRouter(Guarded<Router>);

impl GuardedRouter {
    /// What `axum::serve` takes. Tells the stack the address of each peer.
    #[must_use]
    pub fn into_make_service(self) -> IntoMakeServiceWithConnectInfo<Self, SocketAddr> {
        ServiceExt::<Request>::into_make_service_with_connect_info(self)
    }
}

impl Service<Request> for GuardedRouter {
    type Response = Response;
    type Error = Infallible;
    type Future = GuardedRouterFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        GuardedRouterFuture { guarded: self.0.call(request) }
    }
}

pin_project! {
    /// The future of a [`GuardedRouter`].
    pub struct GuardedRouterFuture {
        #[pin]
        guarded: GuardedFuture<Router, Body>,
    }
}

impl Future for GuardedRouterFuture {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.project().guarded.poll(cx);
        polled.map_ok(|response| response.map(unwrapped))
    }
}

impl fmt::Debug for GuardedRouterFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouterFuture").finish_non_exhaustive()
    }
}

/// The router's own body as it was, where no control has to do with it: there is no need to box it once more.
fn unwrapped(body: GuardedBody<Body>) -> Body {
    let sanitized = match body.into_inner() {
        Ok(sanitized) => sanitized,
        Err(own) => return Body::new(own),
    };
    let watched = match sanitized.into_inner().map(gate::Body::into_inner) {
        Ok(Ok(watched)) => watched,
        Ok(Err(own)) => return Body::new(own),
        Err(sanitized) => return Body::new(sanitized),
    };
    watched.into_inner().unwrap_or_else(Body::new)
}

impl fmt::Debug for GuardedRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").finish_non_exhaustive()
    }
}

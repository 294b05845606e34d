//! Authentication, authorization and rate limiting for services on tower: composable layers for axum, tonic and anything
//! else that takes a [`tower::Layer`], with safe defaults, and one stack that refuses to be built when a part is missing.
//!
//! Every control is a [`Gate`]: it admits a request or refuses it with a [`Rejection`]. One piece of code turns gates
//! into layers, and one turns rejections into problem documents or gRPC statuses. A [`Warden`] is all of them in the
//! right order. What you forget is refused, not admitted.
//!
//! # axum
//!
//! ```
//! use axum::extract::Path;
//! use tower_warden::authz::object::{ActionKind, Decision, Denied, Guard, Read};
//! use tower_warden::authz::{Rules, public, scope};
//! use tower_warden::frameworks::axum::{Routes, methods::get};
//! use tower_warden::testing::TestIssuer; // stands for your `authn::jwt::Issuer`, with its key from a PEM file or a JWK
//! use tower_warden::{Principal, Warden};
//!
//! struct Order {
//!     owner: &'static str,
//! }
//!
//! /// Who may do what to which order. For whom it is hidden, it does not exist.
//! fn order_policy(caller: &Principal, _: ActionKind, order: &Order) -> Decision {
//!     if caller.subject() == order.owner { Decision::Allow } else { Decision::Hide }
//! }
//!
//! async fn order(guard: Guard<Order>, Path(id): Path<u32>) -> Result<String, Denied> {
//!     let found = (id == 7).then_some(Order { owner: "ada" }); // from the database
//!     let order = guard.permit(Read, found).await?;
//!     Ok(format!("order {id} of {}", order.owner))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://issuer.example", "https://orders.example");
//! let rules = Rules::builder()
//!     .object_policy(order_policy)
//!     .get("/health", public("load balancer probe"))
//!     .get("/orders/{id}", scope("orders:read").serving::<Order>())
//!     .get("/orders/{id}/invoice", scope("orders:read").serving::<Order>());
//! let warden = Warden::builder().trust_issuer(issuer.trust()).rules(rules).build()?;
//!
//! let app = || {
//!     Routes::new()
//!         .route("/health", get(async || "up"))
//!         .route("/orders/{id}", get(order))
//!         .route("/orders/{id}/invoice", get(async || "forgot to ask whose order it is"))
//! };
//! let service = warden.guard_routes(app())?; // `axum::serve(listener, service.into_make_service())`
//!
//! // A route that no rule lists ends the start. `warden.guard(router)` takes any router, and refuses such a route with 403.
//! let problems = warden.guard_routes(app().route("/debug", get(async || "secrets"))).unwrap_err();
//! assert_eq!(problems.problems()[0].to_string(), "GET /debug: has no rule");
//! #
//! # use axum::{body::Body, http::{Request, StatusCode}};
//! # use tower::ServiceExt;
//! # use tower_warden::client_address::PeerAddress;
//! # let peer = PeerAddress(std::net::SocketAddr::from(([192, 0, 2, 1], 40000))); // the server tells this
//! # let ask = |path: &str, token: String| {
//! #     let request = Request::get(path).header("authorization", format!("Bearer {token}")).extension(peer);
//! #     service.clone().oneshot(request.body(Body::empty()).unwrap())
//! # };
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//!
//! let reader = |name| issuer.token(name).scope("orders:read").sign();
//! assert_eq!(ask("/orders/7", reader("ada")).await?.status(), StatusCode::OK);
//! assert_eq!(ask("/orders/7", reader("eve")).await?.status(), StatusCode::NOT_FOUND); // hers it is not
//! assert_eq!(ask("/orders/7", issuer.token("ada").sign()).await?.status(), StatusCode::FORBIDDEN); // without the scope
//! assert_eq!(ask("/orders/7", "made.up.token".to_owned()).await?.status(), StatusCode::UNAUTHORIZED);
//! // The rule says that it serves orders, and nobody asked about one: nothing leaves.
//! assert_eq!(ask("/orders/7/invoice", reader("eve")).await?.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok::<_, Box<dyn std::error::Error>>(()) })
//! # }
//! ```
//!
//! # tonic
//!
//! ```no_run
//! use tonic::{service::Routes, transport::Server};
//! use tower_warden::authz::{Rules, scope};
//! use tower_warden::{Warden, authn::jwt::IssuerBuilder};
//!
//! /// `services` is `Routes::new(OrdersServer::new(orders))`; handlers find the caller with `Principal::of`.
//! async fn serve(services: Routes, issuer: IssuerBuilder) -> Result<(), Box<dyn std::error::Error>> {
//!     let rules = Rules::builder()
//!         .grpc_service("orders.v1.Orders", scope("orders:read"))
//!         .grpc("/orders.v1.Orders/Delete", scope("orders:write"));
//!     let warden = Warden::builder().trust_issuer(issuer).rules(rules).build()?;
//!     Server::builder().layer(warden).add_routes(services).serve("127.0.0.1:50051".parse()?).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! | I want to | module |
//! |---|---|
//! | build the whole stack | [`warden`] |
//! | accept signed tokens (JWT) | `authn::jwt` |
//! | fetch an issuer's keys, and keep up when they rotate | `authn::jwks` |
//! | accept opaque tokens | `authn::introspection` |
//! | accept tokens that are bound to a key, or to a certificate | `authn::dpop`, `authn::client_certificate` |
//! | know the services of a mesh by their certificates | `authn::mesh` |
//! | end tokens before they expire | [`authn::revocation`] |
//! | tell clients where to get a token, as MCP servers have to | [`authn::protected_resource`] |
//! | accept API keys, app keys, or a scheme of my own | [`authn`] |
//! | say who may call which route | [`authz`] |
//! | be sure that no route was forgotten | `frameworks::axum::Routes`, [`authz::Rules::prove_grpc`] |
//! | say who may do what to which object | [`authz::object`] |
//! | be sure that no handler forgot to ask | [`authz::tripwire`] |
//! | say who sees and sets which field | [`authz::property`] |
//! | let Cedar policies decide, or a casbin enforcer | `authz::cedar`, `authz::casbin` |
//! | limit callers, and failed log-ins | [`rate_limit`] |
//! | count by tenant, app, route, or whatever else I know | [`rate_limit::Key`] |
//! | sell quotas, and change them while requests come in | [`rate_limit::Limit::plan`], [`rate_limit::Limiter`] |
//! | have all processes count together | `rate_limit::RedisStore` |
//! | say what a limit does while the shared store is down | [`rate_limit::WhenUnavailable`] |
//! | try a limit out before it refuses anybody | [`rate_limit::Limit::shadow`] |
//! | bound requests that are under way | [`rate_limit::concurrency`] |
//! | bound the bytes of answers | [`rate_limit::bandwidth`] |
//! | hold callers to the order and the pace of a business flow | [`rate_limit::flow`] |
//! | know the client behind proxies | [`client_address`] |
//! | send security headers | [`response_headers`] |
//! | let pages of other origins read the answers | `cors` |
//! | tell nothing of what went wrong inside | [`sanitize`] |
//! | ask for a log-in that is fresh, or strong | [`authz::fresh`], [`authz::acr`] |
//! | read a token's claims as a type of my own | `frameworks::axum::Claims`, [`Principal::claims_as`] |
//! | bring an HTTP client of my own | [`http_client`] |
//! | write a control of my own | [`gate`], [`rejection`] |
//! | know who calls | [`principal`], [`frameworks`] |
//! | see which scopes callers hold and never use | [`authz::scope_use`] |
//! | test a service | `testing` |
//! | test who may do what to whose, as one table | `testing::matrix` |
//!
//! # Features
//!
//! | feature | what | default |
//! |---|---|---|
//! | `api-key` | API keys and AppID/AppKey pairs | yes |
//! | `axum` | extractors ([`Principal`], [`Guard`](authz::object::Guard), those for fields), `Warden::guard` and `guard_routes`, the peer address from `ConnectInfo` | yes |
//! | `casbin` | a casbin enforcer that you bring, as a policy | |
//! | `cedar` | Cedar policies, judged by the crate cedar-policy | |
//! | `cors` | which pages of other origins may read the answers: tower-http's layer, preset | |
//! | `dpop` | tokens that are bound to a key of their sender (RFC 9449) | |
//! | `http-client` | a client for outgoing HTTPS requests, on reqwest and rustls | |
//! | `introspection` | opaque tokens: the authorization server is asked about each; brings `http-client` | |
//! | `jwks` | keys that an issuer publishes, found and kept fresh; brings `http-client` | |
//! | `jwt` | bearer tokens: JWTs from configured keys; needs a C compiler | yes |
//! | `mtls` | TLS client certificates: tokens that are bound to one, callers in a mesh that are known by one | |
//! | `redis` | what several instances share, in Redis: the buckets of rate limits and, with `dpop`, the proofs used; needs a C compiler | |
//! | `testing` | an issuer of tokens, a client's key for DPoP, a clock to turn by hand, an authorization matrix | |
//! | `tonic` | `Status` from a [`Rejection`], the peer address from `TcpConnectInfo` | |
//! | `full` | all of them, `testing` included | |
//!
//! # Guides
//!
//! * [Tokens](https://github.com/tower-warden/tower-warden/blob/main/docs/tokens.md): all kinds, and which part to use for each
//! * [Authorization](https://github.com/tower-warden/tower-warden/blob/main/docs/authorization.md): functions, objects, properties, and how to test them
//! * [Rate limiting](https://github.com/tower-warden/tower-warden/blob/main/docs/rate-limiting.md): which limit for what, keys, plans, Redis, outages
//! * [Scaling](https://github.com/tower-warden/tower-warden/blob/main/docs/scaling.md): from one process to a million requests a second
//! * [Architecture](https://github.com/tower-warden/tower-warden/blob/main/docs/architecture.md)
//! * [Layer order](https://github.com/tower-warden/tower-warden/blob/main/docs/layer-order.md)
//! * [Defaults](https://github.com/tower-warden/tower-warden/blob/main/docs/defaults.md)
//! * [Cedar](https://github.com/tower-warden/tower-warden/blob/main/docs/cedar.md), [casbin](https://github.com/tower-warden/tower-warden/blob/main/docs/casbin.md): when policies are better kept outside the code
//! * [Conformance](https://github.com/tower-warden/tower-warden/blob/main/docs/conformance.md)
//! * [Performance](https://github.com/tower-warden/tower-warden/blob/main/docs/performance.md)
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod authn;
pub mod authz;
pub mod client_address;
pub mod clock;
pub mod config;
#[cfg(feature = "cors")]
pub mod cors;
pub mod frameworks;
pub mod gate;
#[cfg(doctest)]
mod guides;
mod header_text;
pub mod http_client;
pub mod principal;
pub mod rate_limit;
pub mod rejection;
pub mod response_headers;
mod route_pattern;
pub mod sanitize;
#[cfg(feature = "testing")]
pub mod testing;
pub mod warden;

pub use crate::config::ConfigError;
pub use crate::gate::{Gate, Verdict};
pub use crate::principal::Principal;
pub use crate::rejection::{Rejection, RejectionKind};
pub use crate::warden::Warden;

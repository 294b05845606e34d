//! The one trait behind every control, and the one service that runs it.
//!
//! A [`Gate`] looks at a request and either admits it or refuses it with a [`Rejection`]. [`Gated`] turns a gate into a
//! tower service: it asks the gate, calls the inner service only after an admission, renders a refusal for the protocol
//! the caller speaks (problem+json or gRPC status), logs the reason, and leaves the typed [`Rejection`] in the
//! response's extensions.
//!
//! # Rules
//!
//! 1. The inner service is never called before the gate decided.
//! 2. The service that was polled ready is the one that is called, also after a pending verdict, so a gate works over
//!    `tower::buffer` and `tower::limit`.
//! 3. A refusal is a response, never an error: the inner service's error type passes through untouched.
//! 4. A gate that is dropped half-way (the caller went away) admits nothing.
//!
//! # What is not checked
//!
//! A gate sees the head of the request, not its body. A gate that wants the body needs a layer of its own.
//!
//! # Your own gate
//!
//! ```
//! use http::{Request, Response, StatusCode, request};
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_warden::gate::{Gate, GateLayer, Verdict};
//! use tower_warden::rejection::{Rejection, RejectionKind};
//!
//! /// Refuses everything outside office hours.
//! #[derive(Clone, Debug)]
//! struct OfficeHours {
//!     open: bool,
//! }
//!
//! impl Gate for OfficeHours {
//!     type Pass = ();
//!
//!     fn admit(&self, _request: &mut request::Parts) -> Verdict<()> {
//!         if self.open {
//!             Verdict::admit(())
//!         } else {
//!             Verdict::refuse(Rejection::new(RejectionKind::Forbidden, "office_closed"))
//!         }
//!     }
//! }
//!
//! # tokio_test_block_on(async {
//! let hello = service_fn(async |_request: Request<()>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! });
//!
//! let open = GateLayer::new(OfficeHours { open: true }).layer(hello);
//! assert_eq!(open.oneshot(Request::new(())).await?.status(), StatusCode::OK);
//!
//! let closed = GateLayer::new(OfficeHours { open: false }).layer(hello);
//! assert_eq!(closed.oneshot(Request::new(())).await?.status(), StatusCode::FORBIDDEN);
//! # Ok::<_, std::convert::Infallible>(()) }).unwrap();
//! # fn tokio_test_block_on<T>(f: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(f)
//! # }
//! ```

mod body;
mod future;
mod http_response;
mod service;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::{request, response};

pub use self::body::Body;
pub use self::future::GateFuture;
pub use self::http_response::HttpResponse;
pub use self::service::{GateLayer, Gated};
pub(crate) use self::service::{RETRY_AFTER, refuse};
use crate::rejection::Rejection;

/// A control: admits a request, or refuses it with a [`Rejection`].
///
/// Implementations are cheap to clone: configuration sits behind an [`std::sync::Arc`].
pub trait Gate: Clone + Send + Sync + 'static {
    /// What an admitted request carries through the inner service to its response.
    type Pass: Pass;

    /// The control's name in logs, such as `authentication`.
    fn name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Decides on the head of one request; may write what it found into the request's extensions.
    fn admit(&self, request: &mut request::Parts) -> Verdict<Self::Pass>;
}

/// What an admitted request carries through the inner service; `()` where nothing is left to do.
///
/// A pass is dropped without a call when the inner service fails or the caller goes away.
pub trait Pass: Send + 'static {
    /// Runs after a pending verdict resolved, to write into the request what the future found.
    fn on_request(&mut self, request: &mut request::Parts) {
        let _ = request;
    }

    /// Runs on the inner service's response, which may be the refusal of a gate further in.
    fn on_response(self, response: &mut response::Parts)
    where
        Self: Sized,
    {
        let _ = response;
    }
}

impl Pass for () {}

/// A pass that may be absent: what an optional control hands on.
impl<P: Pass> Pass for Option<P> {
    fn on_request(&mut self, request: &mut request::Parts) {
        if let Some(pass) = self {
            pass.on_request(request);
        }
    }

    fn on_response(self, response: &mut response::Parts) {
        if let Some(pass) = self {
            pass.on_response(response);
        }
    }
}

/// An optional control: `None` admits everything.
impl<G: Gate> Gate for Option<G> {
    type Pass = Option<G::Pass>;

    fn name(&self) -> &'static str {
        self.as_ref().map_or("none", G::name)
    }

    fn admit(&self, request: &mut request::Parts) -> Verdict<Self::Pass> {
        let Some(gate) = self else { return Verdict::admit(None) };
        match gate.admit(request) {
            Verdict::Ready(outcome) => Verdict::Ready(outcome.map(Some)),
            Verdict::Pending(future) => Verdict::pending(async move { future.await.map(Some) }),
        }
    }
}

/// A future that a gate still has to wait for.
pub type PendingVerdict<P> = Pin<Box<dyn Future<Output = Result<P, Rejection>> + Send>>;

/// What a [`Gate`] answers.
#[must_use = "a verdict that is not acted on admits nobody and refuses nobody"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a verdict is known or it is not; there is no third answer"
)]
pub enum Verdict<P> {
    /// Known at once; this path allocates nothing.
    Ready(Result<P, Rejection>),
    /// Known when the future resolves: something has to be asked over the network.
    Pending(PendingVerdict<P>),
}

impl<P> Verdict<P> {
    /// The request may go on, carrying `pass`.
    pub const fn admit(pass: P) -> Self {
        Self::Ready(Ok(pass))
    }

    /// The request stops here.
    pub const fn refuse(rejection: Rejection) -> Self {
        Self::Ready(Err(rejection))
    }

    /// The answer is not known yet.
    pub fn pending(future: impl Future<Output = Result<P, Rejection>> + Send + 'static) -> Self {
        Self::Pending(Box::pin(future))
    }
}

impl<P: fmt::Debug> fmt::Debug for Verdict<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(outcome) => f.debug_tuple("Ready").field(outcome).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

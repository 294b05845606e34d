//! What a route answers, method by method, recorded: axum's `MethodRouter` tells nobody.

use std::convert::Infallible;
use std::fmt;

use axum::extract::Request;
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, Route};
use http::Method;
use tower::{Layer, Service};

use crate::authz::coverage::Answered;

/// The handlers of one route, by method: what axum calls a `MethodRouter`, for [`Routes`](super::Routes).
///
/// Made by [`get`], [`post`] and so on, and by the `_service` functions for services.
#[must_use = "handlers answer nothing until they have a route"]
pub struct Methods<S = ()> {
    pub(super) router: MethodRouter<S>,
    pub(super) answered: Vec<Method>,
    pub(super) every: bool,
    pub(super) problems: Vec<String>,
}

/// The methods that a filter of axum can name.
const METHODS: [(MethodFilter, Method); 9] = [
    (MethodFilter::GET, Method::GET),
    (MethodFilter::HEAD, Method::HEAD),
    (MethodFilter::POST, Method::POST),
    (MethodFilter::PUT, Method::PUT),
    (MethodFilter::PATCH, Method::PATCH),
    (MethodFilter::DELETE, Method::DELETE),
    (MethodFilter::OPTIONS, Method::OPTIONS),
    (MethodFilter::TRACE, Method::TRACE),
    (MethodFilter::CONNECT, Method::CONNECT),
];

impl<S: Clone + Send + Sync + 'static> Default for Methods<S> {
    fn default() -> Self {
        Self {
            router: MethodRouter::new(),
            answered: Vec::new(),
            every: false,
            problems: Vec::new(),
        }
    }
}

macro_rules! handlers {
    ($($name:ident $service:ident $method:ident,)*) => {
        $(
            #[doc = concat!("A handler for ", stringify!($method), ".")]
            pub fn $name<H, T, S>(handler: H) -> Methods<S>
            where
                H: Handler<T, S>,
                T: 'static,
                S: Clone + Send + Sync + 'static,
            {
                Methods::default().$name(handler)
            }

            #[doc = concat!("A service for ", stringify!($method), ".")]
            pub fn $service<V, S>(service: V) -> Methods<S>
            where
                V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
                V::Response: IntoResponse + 'static,
                V::Future: Send + 'static,
                S: Clone + Send + Sync + 'static,
            {
                Methods::default().$service(service)
            }
        )*

        impl<S: Clone + Send + Sync + 'static> Methods<S> {
            $(
                #[doc = concat!("A handler for ", stringify!($method), " beside the others.")]
                pub fn $name<H, T>(self, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: 'static,
                {
                    self.on(MethodFilter::$method, handler)
                }

                #[doc = concat!("A service for ", stringify!($method), " beside the others.")]
                pub fn $service<V>(self, service: V) -> Self
                where
                    V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
                    V::Response: IntoResponse + 'static,
                    V::Future: Send + 'static,
                {
                    self.on_service(MethodFilter::$method, service)
                }
            )*
        }
    };
}

handlers! {
    connect connect_service CONNECT,
    delete delete_service DELETE,
    get get_service GET,
    head head_service HEAD,
    options options_service OPTIONS,
    patch patch_service PATCH,
    post post_service POST,
    put put_service PUT,
    trace trace_service TRACE,
}

/// A handler for some methods.
pub fn on<H, T, S>(methods: MethodFilter, handler: H) -> Methods<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Methods::default().on(methods, handler)
}

/// A service for some methods.
pub fn on_service<V, S>(methods: MethodFilter, service: V) -> Methods<S>
where
    V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    V::Response: IntoResponse + 'static,
    V::Future: Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    Methods::default().on_service(methods, service)
}

/// A handler for every method that gets no other: its pattern needs a rule for every method
/// ([`RulesBuilder::any`](crate::authz::RulesBuilder::any)).
pub fn any<H, T, S>(handler: H) -> Methods<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    Methods { router: axum::routing::any(handler), every: true, ..Methods::default() }
}

/// A service for every method that gets no other.
pub fn any_service<V, S>(service: V) -> Methods<S>
where
    V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
    V::Response: IntoResponse + 'static,
    V::Future: Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    Methods { router: axum::routing::any_service(service), every: true, ..Methods::default() }
}

impl<S: Clone + Send + Sync + 'static> Methods<S> {
    /// A handler for some methods beside the others.
    pub fn on<H, T>(mut self, methods: MethodFilter, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        if self.takes(methods) {
            self.router = self.router.on(methods, handler);
        }
        self
    }

    /// A service for some methods beside the others.
    pub fn on_service<V>(mut self, methods: MethodFilter, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        if self.takes(methods) {
            self.router = self.router.on_service(methods, service);
        }
        self
    }

    /// Puts a layer around all of these handlers.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.layer(layer);
        self
    }

    /// Records methods; false where one of them has a handler, for which axum would panic.
    fn takes(&mut self, filter: MethodFilter) -> bool {
        let named = METHODS.iter().filter(|(one, _)| filter.or(*one) == filter);
        let named: Vec<_> = named.map(|(_, method)| method.clone()).collect();
        let twice: Vec<_> = named.iter().filter(|method| self.answered.contains(method)).collect();
        let problems = twice.iter().map(|method| format!("has two handlers for {method}"));
        self.problems.extend(problems);
        let fits = twice.is_empty();
        self.answered.extend(named);
        fits
    }

    pub(super) fn answered(&self) -> Answered {
        let answered = self.answered.clone();
        if self.every { Answered::Every(answered) } else { Answered::These(answered) }
    }
}

impl<S> fmt::Debug for Methods<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Methods")
            .field("answered", &self.answered)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

//! tonic services beside routes of axum, method by method.

use std::convert::Infallible;

use axum::extract::Request;
use axum::response::IntoResponse;
use tonic::server::NamedService;
use tower::Service;

use super::Routes;
use super::methods::post_service;

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// These methods of a tonic service, each with a route of its own. They need rules as
    /// [`RulesBuilder::grpc`](crate::authz::RulesBuilder::grpc) writes them.
    ///
    /// A method that is not named here has no route, whatever the service could do.
    #[expect(clippy::needless_pass_by_value, reason = "as every other service is given")]
    pub fn grpc<'m, V>(self, service: V, methods: impl IntoIterator<Item = &'m str>) -> Self
    where
        V: Service<Request, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        methods.into_iter().fold(self, |routes, method| {
            routes.route(&format!("/{}/{method}", V::NAME), post_service(service.clone()))
        })
    }

    /// A tonic service with all its methods, as one route. It needs the rule for the whole service,
    /// [`RulesBuilder::grpc_service`](crate::authz::RulesBuilder::grpc_service). Methods with rules of their own are named
    /// with [`grpc`](Self::grpc) beside it.
    pub fn grpc_service<V>(self, service: V) -> Self
    where
        V: Service<Request, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        V::Response: IntoResponse + 'static,
        V::Future: Send + 'static,
    {
        self.route(&format!("/{}/{{method}}", V::NAME), post_service(service))
    }
}

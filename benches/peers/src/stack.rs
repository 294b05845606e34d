//! Whole stacks glued from neighbours, over a JSON handler in an axum router.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{self, Route};
use axum_jwt_auth::Claims;
use http::Request;
use tower::layer::util::Identity;
use tower::{Layer, Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;

use crate::harness::tokens::Signer;
use crate::harness::{Case, Run, case, service};
use crate::ours::stack::{order, request_of, router};
use crate::tokens::{AccessToken, WithDecoder, resource_server_layer};
use crate::{headers, rate_limit};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("CatchPanic + axum-helmet + tower_governor, no authentication", || {
            run(protected(router(), Identity::new()), &Signer::rs256())
        }),
        case("the same + axum-jwt-auth, RS256", || with_axum_jwt_auth(&Signer::rs256())),
        case("the same + axum-jwt-auth, ES256", || with_axum_jwt_auth(&Signer::es256())),
        case("the same + tower-oauth2-resource-server, RS256", || {
            with_resource_server(&Signer::rs256())
        }),
        case("the same + tower-oauth2-resource-server, ES256", || {
            with_resource_server(&Signer::es256())
        }),
    ]
}

/// In one `layer` call, which costs axum one box instead of three or four.
fn protected<L>(router: Router, authentication: L) -> Router
where
    L: Layer<Route> + Clone + Send + Sync + 'static,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let layers = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(headers::axum_helmet())
        .layer(rate_limit::by_address_layer())
        .layer(authentication);
    router.layer(layers)
}

fn with_axum_jwt_auth(signer: &Signer) -> Run {
    let handler = async |_caller: Claims<AccessToken>, id: Path<u64>| order(id).await;
    let router = Router::new().route("/orders/{id}", routing::get(handler));
    run(protected(router.with_state(WithDecoder::new(signer)), Identity::new()), signer)
}

fn with_resource_server(signer: &Signer) -> Run {
    run(protected(router(), resource_server_layer::<Body>(signer)), signer)
}

fn run(router: Router, signer: &Signer) -> Run {
    Box::new(service(router, request_of(&signer.bearer()), 200))
}

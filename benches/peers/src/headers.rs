//! Security headers, and the layers of tower-http that clean up around a handler.

use std::convert::Infallible;
use std::fmt::Debug;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::harness::{Bare, Case, Run, case, get, service};
use crate::ours::headers::FROM_A_BROWSER;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("axum-helmet, 12 headers", || through(axum_helmet())),
        case("tower-helmet, 14 headers", || through(tower_helmet::HelmetLayer::with_defaults())),
        case("tower-http SetResponseHeader, 8 times", || {
            let (one, two, three, four) = (set(0), set(1), set(2), set(3));
            let (five, six, seven, eight) = (set(4), set(5), set(6), set(7));
            through((one, two, three, four, five, six, seven, eight))
        }),
        case("tower-http CatchPanic", || through(CatchPanicLayer::new())),
        case("tower-http Cors::permissive", || through(CorsLayer::permissive())),
        case("tower-http SetRequestId (uuid) and PropagateRequestId", || {
            let id = HeaderName::from_static("x-request-id");
            let make = SetRequestIdLayer::new(id.clone(), MakeRequestUuid);
            through(ServiceBuilder::new().layer(make).layer(PropagateRequestIdLayer::new(id)))
        }),
    ]
}

fn through<L, B>(layer: L) -> Run
where
    L: Layer<Bare>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + 'static,
    B: http_body::Body<Error: Debug>,
{
    Box::new(service(layer.layer(Bare), get("/", &FROM_A_BROWSER), 200))
}

pub(crate) fn axum_helmet() -> axum_helmet::HelmetLayer {
    axum_helmet::Helmet::default().into_layer().expect("the defaults are valid")
}

fn set(index: usize) -> SetResponseHeaderLayer<HeaderValue> {
    let (name, value) = HEADERS[index].clone();
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_XSS_PROTECTION, "0"),
];

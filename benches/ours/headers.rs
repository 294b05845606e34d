//! Response headers, and what the sanitizing layer does to good answers, panics and refusals.

use std::convert::Infallible;
use std::fmt::Debug;
use std::panic;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_warden::client_address::ClientAddressLayer;
use tower_warden::response_headers::ResponseHeadersLayer;
use tower_warden::sanitize::SanitizeLayer;

use crate::harness::{Bare, Case, Run, case, get, service};

pub(crate) fn bare_case() -> Case {
    case("an empty 200 to a browser", || service(Bare, get("/", &FROM_A_BROWSER), 200))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("tower-warden API preset, HTTPS, 7 headers", || {
            through(ResponseHeadersLayer::api().assume_https(), Bare, 200)
        }),
        case("tower-warden API preset, plain HTTP, 6 headers", || {
            through(ResponseHeadersLayer::api(), Bare, 200)
        }),
        case("tower-warden web preset, HTTPS, 12 headers", || {
            through(ResponseHeadersLayer::web().assume_https(), Bare, 200)
        }),
        case("tower-warden sanitizing a good answer, id made", || {
            through(SanitizeLayer::new(), Bare, 200)
        }),
        case("tower-warden catching a panic", panicking),
        case("tower-warden sanitizing, a refusal inside", || {
            // Without a peer's address this gate refuses.
            let refusing = ClientAddressLayer::default().layer(Bare);
            through(SanitizeLayer::new(), refusing, 500)
        }),
    ]
}

pub(crate) const FROM_A_BROWSER: [(&str, &str); 1] = [("origin", "https://shop.example")];

fn through<L, S, B>(layer: L, inner: S, expected: u16) -> Run
where
    L: Layer<S>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + 'static,
    B: http_body::Body<Error: Debug>,
{
    Box::new(service(layer.layer(inner), get("/", &FROM_A_BROWSER), expected))
}

/// The hook that prints panics is silenced: it would cost more than all the rest.
fn panicking() -> Run {
    let broken = service_fn(
        async |_request: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, Infallible> {
            panic!("no table orders_2")
        },
    );
    let mut run = through(SanitizeLayer::new(), broken, 500);
    Box::new(move |requests| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        run(requests);
        panic::set_hook(hook);
    })
}

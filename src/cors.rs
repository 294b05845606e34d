//! Which pages of other origins may read the answers (CORS, Fetch standard 3.3): tower-http's layer, preset.
//!
//! # Rules
//!
//! 1. Origins are listed one by one and compared exactly; `*`, `null` and patterns are refused when the layer is built,
//!    and no origin is ever reflected (ASVS 3.4.2).
//! 2. `Vary: Origin` is always sent, so that no cache gives one origin's answer to another.
//! 3. Scripts may read what the controls of this crate tell by themselves: challenges, rate limits, retry times, the
//!    request id. What else they shall read is listed with [`response_header`](CorsBuilder::response_header), such as
//!    `x-ratelimit-remaining` where [those fields](crate::rate_limit::Fields::legacy_x_ratelimit) are sent.
//!
//! # What is not checked
//!
//! Who calls: CORS keeps honest browsers from handing answers to foreign pages. It is no authentication, and a request
//! that a browser sends without asking first has reached the service all the same.
//!
//! OPTIONS requests: the layer answers all of them itself, and what stands further in (rules, limits, security headers)
//! sees none.
//!
//! # Deployment caveat
//!
//! Belongs outside the [`Warden`](crate::Warden): preflight requests carry no credentials and would be refused, and
//! refusals need the fields too. With axum: `Router::new().fallback_service(warden.guard(app)).layer(cors)`, served with
//! `into_make_service_with_connect_info::<SocketAddr>()`; `docs/layer-order.md` has the whole of it.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_warden::cors::Cors;
//!
//! let cors = Cors::builder().origin("https://app.example").build()?;
//! let service = cors.layer(service_fn(async |_: Request<String>| Ok::<_, std::convert::Infallible>(Response::new(String::new()))));
//! let ask = |origin: &str| {
//!     service.clone().oneshot(Request::get("/").header("origin", origin).body(String::new()).unwrap())
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let ours = ask("https://app.example").await?;
//! assert_eq!(ours.headers()["access-control-allow-origin"], "https://app.example");
//! let theirs = ask("https://evil.example").await?;
//! assert!(!theirs.headers().contains_key("access-control-allow-origin"));
//! # Ok::<_, Box<dyn std::error::Error>>(()) })?;
//!
//! assert!(Cors::builder().origin("*").build().is_err());
//! # Ok(()) }
//! ```

use std::time::Duration;

use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, Uri};
use tower_http::cors::CorsLayer;

use crate::config::{ConfigError, Problems};

/// What scripts may read of a response, beside what they always may.
const EXPOSED: [HeaderName; 6] = [
    WWW_AUTHENTICATE,
    RETRY_AFTER,
    HeaderName::from_static("dpop-nonce"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// What scripts may send, beside what they always may.
const SENT: [HeaderName; 5] = [
    ACCEPT,
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("dpop"),
    HeaderName::from_static("x-api-key"),
];

/// How long a browser may remember the answer to a preflight request; Chromium caps it at two hours.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The preset; [`Cors::builder`] makes tower-http's layer with it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Cors;

impl Cors {
    /// Starts with no origin and without credentials; the methods are GET, HEAD, POST, PUT, PATCH and DELETE.
    pub fn builder() -> CorsBuilder {
        let methods = vec![
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ];
        CorsBuilder {
            origins: Vec::new(),
            methods,
            headers: SENT.to_vec(),
            exposed: EXPOSED.to_vec(),
            credentials: false,
        }
    }
}

/// Builds a [`CorsLayer`].
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct CorsBuilder {
    origins: Vec<String>,
    methods: Vec<Method>,
    headers: Vec<HeaderName>,
    exposed: Vec<HeaderName>,
    credentials: bool,
}

impl CorsBuilder {
    /// Lets pages of this origin read answers: scheme, host and, unless it is the scheme's own, port.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Lets scripts use these methods, and no others.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// Lets scripts send one more header field.
    pub fn request_header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// Lets scripts read one more header field of answers.
    pub fn response_header(mut self, name: HeaderName) -> Self {
        self.exposed.push(name);
        self
    }

    /// Lets browsers send cookies and client certificates along. Not needed for bearer tokens and API keys.
    pub const fn with_credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// If no origin is listed, or one is not an origin as browsers write it. All are listed.
    pub fn build(self) -> Result<CorsLayer, ConfigError> {
        let mut problems = Problems::default();
        if self.origins.is_empty() {
            problems.add("CORS", "lists no origin: leave the layer out to allow none");
        }
        let mut origins = Vec::new();
        for origin in &self.origins {
            match HeaderValue::from_str(origin) {
                Ok(value) if is_origin(origin) => origins.push(value),
                _ => problems.add(
                    format!("CORS origin {origin:?}"),
                    "is not scheme, host and port as a browser writes them, such as https://app.example:8443",
                ),
            }
        }
        problems.into_result()?;
        Ok(CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(self.methods)
            .allow_headers(self.headers)
            .allow_credentials(self.credentials)
            .expose_headers(self.exposed)
            .max_age(MAX_AGE))
    }
}

/// Whether a text is an origin as browsers write it (RFC 6454 6.2): lower case, no path, no default port.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority())
    else {
        return false;
    };
    let default_port = if scheme == "https" { 443 } else { 80 };
    let plain = !authority.as_str().contains(['@', '*']) && uri.port_u16() != Some(default_port);
    plain && format!("{scheme}://{authority}") == text && text == text.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c3_an_origin_is_what_browsers_write() {
        for origin in [
            "https://app.example",
            "http://localhost:3000",
            "https://[2001:db8::1]:8443",
            "https://192.0.2.1",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "",
            "*",
            "null",
            "app.example",
            "https://",
            "https://app.example/",
            "https://app.example/path",
            "https://App.example",
            "https://app.example:443",
            "http://app.example:80",
            "https://*.app.example",
            "https://ada@app.example",
            "https://app.example?x",
            "ftp://app.example",
            "https://app.example ",
            "//app.example",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            let _ = Cors::builder().origin(text).build();
        }

        #[test]
        fn origins_are_recognised(host in "[a-z][a-z0-9]{0,9}(\\.[a-z]{2,5}){0,2}", port in 1024_u16..) {
            let origin = format!("https://{host}:{port}");
            prop_assert!(is_origin(&origin));
        }
    }
}

use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, request, response};
use tower::Layer;

use super::ResponseHeadersBuilder;
use super::plan::Plan;
use super::preset::{API, WEB};
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::rejection::Protocol;

/// Writes security headers on every response. The outermost layer.
#[derive(Clone, Debug)]
pub struct ResponseHeadersLayer {
    plan: Arc<Plan>,
    https: Https,
}

/// How it is known that a request came over a secure transport.
#[derive(Clone)]
enum Https {
    /// It is not known, so it did not.
    Unknown,
    Assumed,
    Detected(Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>),
}

impl ResponseHeadersLayer {
    /// For services that answer programs: nothing is cached, framed, embedded or run.
    #[must_use]
    pub fn api() -> Self {
        Self::new(ResponseHeadersBuilder::preset(API).into_plan())
    }

    /// For services that answer browsers with pages: own scripts, styles and images only, and no framing.
    #[must_use]
    pub fn web() -> Self {
        Self::new(ResponseHeadersBuilder::preset(WEB).into_plan())
    }

    /// The preset of [`api`](Self::api), to change.
    #[must_use]
    pub fn api_builder() -> ResponseHeadersBuilder {
        ResponseHeadersBuilder::preset(API)
    }

    /// The preset of [`web`](Self::web), to change.
    #[must_use]
    pub fn web_builder() -> ResponseHeadersBuilder {
        ResponseHeadersBuilder::preset(WEB)
    }

    pub(super) fn new(plan: Plan) -> Self {
        Self { plan: Arc::new(plan), https: Https::Unknown }
    }

    /// States that all requests come over HTTPS, because a proxy in front terminates TLS and nothing goes around it.
    #[must_use]
    pub fn assume_https(mut self) -> Self {
        self.https = Https::Assumed;
        self
    }

    /// The switches that make it weaker than the preset.
    pub(crate) fn risks(&self) -> impl Iterator<Item = &'static str> {
        self.plan.risks()
    }

    /// Asks `is_https` of each request, unless HTTPS was assumed.
    pub(crate) fn detect_https(
        mut self,
        is_https: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        if matches!(self.https, Https::Unknown) {
            self.https = Https::Detected(Arc::new(is_https));
        }
        self
    }

    /// Whether the request came over a secure transport.
    pub(crate) fn is_secure(&self, head: &request::Parts) -> bool {
        self.https.of(head)
    }

    /// What a response without header fields of its own gets.
    pub(crate) fn ready(&self, secure: bool) -> &HeaderMap {
        self.plan.ready(secure)
    }

    /// Puts the header fields of a response that has few into `ready`, which begins as a copy of [`ready`](Self::ready).
    pub(crate) fn rebuild(&self, headers: &mut HeaderMap, ready: HeaderMap, secure: bool) {
        self.plan.rebuild(headers, ready, secure);
    }

    /// Writes the headers of the answer to a call over gRPC, or over HTTP.
    pub(crate) fn write(&self, headers: &mut HeaderMap, secure: bool, asked: Protocol) {
        let grpc = asked == Protocol::Grpc && is_grpc(headers);
        self.plan.apply(headers, secure, grpc);
    }
}

impl Gate for ResponseHeadersLayer {
    type Pass = ResponseHeadersPass;

    fn name(&self) -> &'static str {
        "response_headers"
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<ResponseHeadersPass> {
        Verdict::admit(ResponseHeadersPass {
            plan: Arc::clone(&self.plan),
            secure: self.is_secure(head),
            grpc: Protocol::of(&head.headers) == Protocol::Grpc,
        })
    }
}

impl<S> Layer<S> for ResponseHeadersLayer {
    type Service = Gated<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.clone())
    }
}

/// What the layer carries to the response.
#[derive(Debug)]
pub struct ResponseHeadersPass {
    plan: Arc<Plan>,
    secure: bool,
    grpc: bool,
}

impl Pass for ResponseHeadersPass {
    fn on_response(self, head: &mut response::Parts) {
        let grpc = self.grpc && is_grpc(&head.headers);
        self.plan.apply(&mut head.headers, self.secure, grpc);
    }
}

/// Whether the answer to a gRPC call is one. The caller names its own protocol; a page stays a page.
fn is_grpc(headers: &HeaderMap) -> bool {
    !headers.contains_key(CONTENT_TYPE) || Protocol::of(headers) == Protocol::Grpc
}

impl Https {
    fn of(&self, head: &request::Parts) -> bool {
        match self {
            Self::Unknown => false,
            Self::Assumed => true,
            Self::Detected(is_https) => is_https(head),
        }
    }
}

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown",
            Self::Assumed => "Assumed",
            Self::Detected(_) => "Detected",
        })
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};

    use super::*;

    #[test]
    fn h3_hsts_follows_what_is_detected_of_each_request() {
        let layer = ResponseHeadersLayer::api().detect_https(|head| head.uri.path() == "/tls");
        for (path, sent) in [("/tls", true), ("/plain", false)] {
            let (mut head, ()) = Request::get(path).body(()).unwrap().into_parts();
            let Verdict::Ready(Ok(pass)) = layer.admit(&mut head) else { panic!("not admitted") };
            let (mut answer, ()) = Response::new(()).into_parts();
            pass.on_response(&mut answer);
            assert_eq!(answer.headers.contains_key("strict-transport-security"), sent, "{path}");
        }
    }
}

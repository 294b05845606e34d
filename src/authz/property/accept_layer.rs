use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, request};
use tower::{Layer, Service};

use super::accept_future::AcceptFuture;
use super::media_type::{MediaType, is_encoded};
use super::{AcceptError, CONTROL, Properties, Write};
use crate::config::{ConfigError, Problems};
use crate::gate::{Body, HttpResponse};
use crate::principal::Principal;
use crate::rejection::{Rejection, RejectionKind};

/// The media types of bodies, beside those that were added.
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// By these fields a handler takes one method for another, and a rule for the one does not hold for the other.
static METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

/// Checks the JSON bodies of requests, and hands them on as they are. The [module](super) has rules and an example.
#[derive(Clone, Debug)]
pub struct AcceptLayer(Settings);

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) properties: Properties,
    /// What every body is for; `None` where the method says it.
    write: Option<Write>,
}

impl AcceptLayer {
    /// Bodies are new objects.
    #[must_use]
    pub fn create(properties: &Properties) -> Self {
        Self(Settings { properties: properties.clone(), write: Some(Write::Create) })
    }

    /// Bodies are changes of objects.
    ///
    /// # Errors
    ///
    /// If a rule for changes asks whose the object is: a layer does not have it. Ask
    /// [`Properties::accept_change`] in the handler instead.
    pub fn change(properties: &Properties) -> Result<Self, ConfigError> {
        Self::knowable(properties)?;
        Ok(Self(Settings { properties: properties.clone(), write: Some(Write::Change) }))
    }

    /// The bodies of POST are new objects, those of PUT and PATCH are changes. Under another method a body is refused.
    ///
    /// # Errors
    ///
    /// As [`AcceptLayer::change`].
    pub fn by_method(properties: &Properties) -> Result<Self, ConfigError> {
        Self::knowable(properties)?;
        Ok(Self(Settings { properties: properties.clone(), write: None }))
    }

    fn knowable(properties: &Properties) -> Result<(), ConfigError> {
        let mut problems = Problems::default();
        if properties.write_asks_whose(Write::Change) {
            let problem = "a rule for changes asks whose the object is, which a layer cannot know";
            problems.add(properties.name(), problem);
        }
        problems.into_result()
    }
}

impl Settings {
    /// What a request with a body has to say in its head.
    pub(super) fn write_of(&self, head: &request::Parts) -> Result<Write, Rejection> {
        let write = match (self.write, &head.method) {
            (Some(write), _) => write,
            (None, &Method::POST) => Write::Create,
            (None, &Method::PUT | &Method::PATCH) => Write::Change,
            (None, _) => {
                return Err(Rejection::new(RejectionKind::BadRequest, "body_under_other_method"));
            }
        };
        require_json(&head.headers, write).map(|()| write)
    }

    /// Judges the body.
    pub(super) fn check(
        &self,
        write: Write,
        caller: Option<&Principal>,
        body: &Bytes,
    ) -> Result<(), AcceptError> {
        self.properties.accept(caller, write, body)
    }
}

/// Refuses bodies that are something else than JSON as it is read here, and a method that is not the method.
pub(super) fn require_json(headers: &HeaderMap, write: Write) -> Result<(), Rejection> {
    let refuse = |reason| {
        let offered = match write {
            Write::Change => {
                HeaderValue::from_static("application/merge-patch+json, application/json")
            }
            Write::Create => HeaderValue::from_static(JSON),
        };
        // RFC 9110 12.5.1: in a response, what is taken in requests.
        Err(Rejection::new(RejectionKind::UnsupportedMediaType, reason)
            .with_header(ACCEPT, offered))
    };
    if METHOD_OVERRIDES.iter().any(|name| headers.contains_key(name)) {
        return Err(Rejection::new(RejectionKind::BadRequest, "method_overridden"));
    }
    let media_type = MediaType::of(headers);
    match media_type.as_ref().map(MediaType::as_str) {
        _ if is_encoded(headers) => refuse("body_encoded"),
        Some(JSON) => Ok(()),
        Some(MERGE_PATCH) if write == Write::Change => Ok(()),
        Some(JSON_PATCH) => refuse("json_patch_not_supported"),
        _ => refuse("body_of_other_media_type"),
    }
}

impl<S> Layer<S> for AcceptLayer {
    type Service = Accepting<S>;

    fn layer(&self, inner: S) -> Accepting<S> {
        Accepting { inner, settings: self.0.clone() }
    }
}

/// A service that gets JSON bodies only of fields that their sender may write.
#[derive(Clone)]
pub struct Accepting<S> {
    inner: S,
    settings: Settings,
}

impl<S, ReqB> Service<Request<ReqB>> for Accepting<S>
where
    S: Service<Request<Body<ReqB>>> + Clone,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
    ReqB: http_body::Body<Data = Bytes>,
{
    type Response = http::Response<Body<<S::Response as HttpResponse>::Body>>;
    type Error = S::Error;
    type Future = AcceptFuture<S, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (head, body) = request.into_parts();
        if body.is_end_stream() || body.size_hint().exact() == Some(0) {
            // Not handed on: what says that it is empty need not be.
            let empty = Body::own(Bytes::new());
            return AcceptFuture::calling(self.inner.call(Request::from_parts(head, empty)));
        }
        // The clone has not been polled ready, so it stays and the ready one goes into the future
        // (tower-service, "Be careful when cloning inner services").
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        AcceptFuture::collecting(ready, head, body, self.settings.clone())
    }
}

impl<S> fmt::Debug for Accepting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting").field("settings", &self.settings).finish_non_exhaustive()
    }
}

pub(super) fn refused(rejection: Rejection, head: &request::Parts) -> http::Response<Bytes> {
    crate::gate::refuse(rejection.by(CONTROL), head)
}

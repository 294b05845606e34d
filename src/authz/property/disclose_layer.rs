use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use tower::{Layer, Service};

use super::asked::Asked;
use super::disclose_future::DiscloseFuture;
use super::{CONTROL, Properties};
use crate::config::{ConfigError, Problems};
use crate::gate::{Body, HttpResponse};

/// Filters the JSON answers of services that cannot change their types. The [module](super) has rules and an example.
#[derive(Clone)]
pub struct DiscloseLayer(Arc<Settings>);

pub(super) struct Settings {
    pub(super) properties: Properties,
    pub(super) unfiltered: BTreeSet<String>,
}

impl DiscloseLayer {
    /// Answers hold an object of this declaration, an array of them, or `null`. What surrounds a list, such as
    /// `{"items": [..], "next": ".."}`, is a declaration of its own with the list as a field.
    #[must_use]
    pub fn new(properties: &Properties) -> Self {
        Self(Arc::new(Settings { properties: properties.clone(), unfiltered: BTreeSet::new() }))
    }

    /// Lets answers of these media types pass as they are, such as `text/csv`. Who can make the service answer with one
    /// sees every field in it.
    ///
    /// # Errors
    ///
    /// If one is not a media type, such as a wildcard, or is JSON, which is what this layer is for.
    pub fn insecure_pass_unfiltered<'m>(
        self,
        media_types: impl IntoIterator<Item = &'m str>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let mut unfiltered = self.0.unfiltered.clone();
        for media_type in media_types {
            let token = |text: &str| {
                !text.is_empty()
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
            };
            let own = media_type.to_ascii_lowercase();
            if !own.split_once('/').is_some_and(|(kind, name)| token(kind) && token(name)) {
                problems.add(CONTROL, format!("`{media_type}` is not a media type"));
            } else if own == "application/json" || own.ends_with("+json") {
                problems.add(CONTROL, format!("`{media_type}` is JSON, and would pass unfiltered"));
            }
            unfiltered.insert(own);
        }
        problems.into_result()?;
        Ok(Self(Arc::new(Settings { properties: self.0.properties.clone(), unfiltered })))
    }
}

impl<S> Layer<S> for DiscloseLayer {
    type Service = Disclosing<S>;

    fn layer(&self, inner: S) -> Disclosing<S> {
        Disclosing { inner, settings: self.0.clone() }
    }
}

impl fmt::Debug for DiscloseLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { properties, unfiltered } = &*self.0;
        f.debug_struct("DiscloseLayer")
            .field("properties", properties)
            .field("unfiltered", unfiltered)
            .finish()
    }
}

/// A service whose JSON answers are filtered.
#[derive(Clone)]
pub struct Disclosing<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S, ReqB> Service<Request<ReqB>> for Disclosing<S>
where
    S: Service<Request<ReqB>>,
    S::Response: HttpResponse,
    <S::Response as HttpResponse>::Body: http_body::Body<Data = Bytes>,
{
    type Response = http::Response<Body<<S::Response as HttpResponse>::Body>>;
    type Error = S::Error;
    type Future = DiscloseFuture<S, ReqB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let (head, body) = request.into_parts();
        let asked = Asked::of(&head);
        let future = self.inner.call(Request::from_parts(head, body));
        DiscloseFuture::new(future, asked, self.settings.clone())
    }
}

impl<S> fmt::Debug for Disclosing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosing")
            .field("properties", &self.settings.properties)
            .finish_non_exhaustive()
    }
}

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

/// A request that every actor sends: method and path, and which object it is about.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    shown: String,
    fields: HeaderMap,
    body: Bytes,
    grpc: bool,
    problem: Option<String>,
}

impl Call {
    /// A request with this method to this path, which may have parameters in braces: [`object`](Self::object) fills them.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            shown: format!("{method} {path}"),
            method,
            path: path.to_owned(),
            fields: HeaderMap::new(),
            body: Bytes::new(),
            grpc: false,
            problem: None,
        }
    }

    /// GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// POST.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    /// PUT.
    #[must_use]
    pub fn put(path: &str) -> Self {
        Self::new(Method::PUT, path)
    }

    /// PATCH.
    #[must_use]
    pub fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    /// DELETE.
    #[must_use]
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// A gRPC method, as `/package.Service/Method`. Sends one message, empty unless [`body`](Self::body) says otherwise.
    #[must_use]
    pub fn grpc(path: &str) -> Self {
        let mut call = Self::new(Method::POST, path);
        call.fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        call.fields.insert(TE, HeaderValue::from_static("trailers"));
        Self { shown: format!("gRPC {path}"), grpc: true, ..call }
    }

    /// Puts the id of an object into the path in place of `{parameter}`, and names it in tables by whose or what it is.
    #[must_use]
    pub fn object(mut self, parameter: &str, name: &str, id: &str) -> Self {
        let braces = format!("{{{parameter}}}");
        if !self.path.contains(&braces) {
            self.problem = Some(format!("{self}: has no parameter `{parameter}`"));
        }
        self.path = self.path.replace(&braces, id);
        self.named(name)
    }

    /// A few words for tables, where method and path do not say it all.
    #[must_use]
    pub fn named(mut self, words: &str) -> Self {
        self.shown += &format!(" ({words})");
        self
    }

    /// Sends a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.fields.append(name, value);
            }
            _ => self.problem = Some(format!("{self}: `{name}` is no header field")),
        }
        self
    }

    /// Sends this body; for gRPC an encoded message, without its frame.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends this text as JSON.
    #[must_use]
    pub fn json(mut self, text: &str) -> Self {
        self.fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body(text.to_owned())
    }

    pub(super) const fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone().or_else(|| {
            let unnamed = self.path.contains('{');
            unnamed.then(|| format!("{self}: a parameter has no object"))
        })
    }

    /// The request, without credentials.
    pub(super) fn request(&self) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::new(self.message());
        *request.uri_mut() = Uri::try_from(&self.path)?;
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.fields.clone();
        Ok(request)
    }

    fn message(&self) -> Bytes {
        if !self.grpc {
            return self.body.clone();
        }
        // Not compressed, and so long (gRPC over HTTP/2, "Length-Prefixed-Message").
        let mut framed = BytesMut::with_capacity(5 + self.body.len());
        framed.put_u8(0);
        framed.put_u32(u32::try_from(self.body.len()).unwrap_or(u32::MAX));
        framed.extend_from_slice(&self.body);
        framed.freeze()
    }
}

/// Method, path with its parameters, and names of objects.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

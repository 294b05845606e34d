use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, request};

type Authenticate = dyn Fn(&mut request::Parts) + Send + Sync;

/// Somebody who knocks: a name, and how they authenticate. An actor that is given nothing is anonymous.
#[derive(Clone)]
pub struct Actor {
    pub(super) name: String,
    pub(super) problem: Option<String>,
    authenticate: Vec<Arc<Authenticate>>,
}

impl Actor {
    /// An actor that sends no credential.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), problem: None, authenticate: Vec::new() }
    }

    /// Sends a header field, such as an API key. The value is kept out of every output.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.with(move |head| {
                    head.headers.append(&name, value.clone());
                })
            }
            _ => {
                let problem = format!("actor {}: `{name}` is no header field", self.name);
                self.problem.get_or_insert(problem);
                self
            }
        }
    }

    /// Sends a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Authenticates by what each request needs anew: a DPoP proof, or an extension that stands for a client certificate.
    #[must_use]
    pub fn with(mut self, prepare: impl Fn(&mut request::Parts) + Send + Sync + 'static) -> Self {
        self.authenticate.push(Arc::new(prepare));
        self
    }

    pub(super) fn prepare(&self, head: &mut request::Parts) {
        self.authenticate.iter().for_each(|prepare| prepare(head));
    }
}

/// The name; never a credential.
impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("name", &self.name).finish_non_exhaustive()
    }
}

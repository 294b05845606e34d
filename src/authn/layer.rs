use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{StatusCode, request, response};
use tokio::time::error::Elapsed;
use tower::Layer;

use super::binding::{Proved, confirmed};
use super::sensitive::Sensitive;
use super::{Attempt, Authenticator};
use crate::gate::{Gate, Gated, Pass, Verdict};
use crate::principal::Principal;
use crate::rejection::{Challenges, Rejection, RejectionKind};

/// How long a scheme may take, whoever it has to ask. What comes with this crate has shorter limits of its own; this one
/// is for what others bring along.
const PATIENCE: Duration = Duration::from_secs(60);

/// Authenticates requests with one or more schemes.
#[derive(Clone, Debug)]
pub struct AuthenticateLayer {
    schemes: Arc<[Arc<dyn Authenticator>]>,
    challenges: Challenges,
    sensitive: Sensitive,
    optional: bool,
    #[cfg(feature = "mtls")]
    forwarded_certificates: Option<super::client_certificate::ForwardedCertificates>,
}

impl AuthenticateLayer {
    /// Accepts one scheme, and demands it.
    pub fn new(scheme: impl Authenticator) -> Self {
        Self::from_schemes(vec![Arc::new(scheme)])
    }

    pub(crate) fn from_schemes(schemes: Vec<Arc<dyn Authenticator>>) -> Self {
        let challenges = Challenges::new(schemes.iter().map(|scheme| scheme.challenge().clone()));
        let sensitive = Sensitive::of(&schemes);
        Self {
            schemes: schemes.into(),
            challenges,
            sensitive,
            optional: false,
            #[cfg(feature = "mtls")]
            forwarded_certificates: None,
        }
    }

    /// Accepts one more scheme, asked after those before it.
    #[must_use]
    pub fn or(self, scheme: impl Authenticator) -> Self {
        let mut schemes = self.schemes.to_vec();
        schemes.push(Arc::new(scheme));
        let Self { schemes, challenges, sensitive, .. } = Self::from_schemes(schemes);
        Self { schemes, challenges, sensitive, ..self }
    }

    /// Takes the client's certificate from what a proxy says. Default: a certificate counts where the server itself put
    /// one into the request's extensions, and no header field is looked at.
    #[cfg(feature = "mtls")]
    #[must_use]
    pub fn forwarded_certificates(
        mut self,
        certificates: super::client_certificate::ForwardedCertificates,
    ) -> Self {
        self.forwarded_certificates = Some(certificates);
        self
    }

    /// Lets requests without credentials through as anonymous, for rules further in to decide on.
    ///
    /// Bad credentials are still refused.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The names of the accepted schemes, in the order they are asked.
    pub fn schemes(&self) -> impl Iterator<Item = &'static str> {
        self.schemes.iter().map(|scheme| scheme.challenge().scheme())
    }

    /// Whether the request presents any credential of its own, however malformed or ambiguous: one that somebody may have
    /// guessed. A certificate of the connection is none.
    pub(crate) fn is_credential_presented(&self, head: &request::Parts) -> bool {
        let authorizations = head.headers.get_all(AUTHORIZATION).iter().count();
        self.presented(head, authorizations)
            .map_or(true, |scheme| scheme.is_some_and(|scheme| !scheme.is_of_the_connection()))
    }

    fn pass(
        &self,
        outcome: Outcome,
        header: Option<(HeaderName, HeaderValue)>,
    ) -> AuthenticatedPass {
        let (challenges, header) = (self.challenges.clone(), header.map(Box::new));
        AuthenticatedPass { outcome, challenges, header }
    }

    /// The one scheme whose credential the request presents, which has so many `Authorization` fields.
    fn presented(
        &self,
        head: &request::Parts,
        authorizations: usize,
    ) -> Result<Option<&dyn Authenticator>, Rejection> {
        if let ([scheme], 0..=1) = (&*self.schemes, authorizations) {
            return Ok(Some(&**scheme).filter(|scheme| scheme.is_presented(head)));
        }
        let ambiguous = |reason| Rejection::new(RejectionKind::BadRequest, reason);
        if authorizations > 1 {
            return Err(ambiguous("several_authorization_fields"));
        }
        let mut presented = self.schemes.iter().filter(|scheme| scheme.is_presented(head));
        match (presented.next(), presented.next()) {
            (_, Some(_)) => {
                self.chosen(head).map(Some).ok_or_else(|| ambiguous("several_credentials"))
            }
            (scheme, None) => Ok(scheme.map(AsRef::as_ref)),
        }
    }

    /// Of several schemes the only one whose credential belongs to the request, and not to its connection.
    fn chosen(&self, head: &request::Parts) -> Option<&dyn Authenticator> {
        let of_the_request = |scheme: &&Arc<dyn Authenticator>| {
            !scheme.is_of_the_connection() && scheme.is_presented(head)
        };
        let mut presented = self.schemes.iter().filter(of_the_request);
        match (presented.next(), presented.next()) {
            (Some(scheme), None) => Some(scheme.as_ref()),
            _ => None,
        }
    }
}

impl Gate for AuthenticateLayer {
    type Pass = AuthenticatedPass;

    fn name(&self) -> &'static str {
        "authentication"
    }

    fn admit(&self, head: &mut request::Parts) -> Verdict<AuthenticatedPass> {
        head.extensions.insert(self.challenges.clone());
        // First, so that no scheme takes whoever others left there for somebody whom it knows.
        Principal::forget(&mut head.extensions);
        self.authenticate(head)
    }
}

impl AuthenticateLayer {
    /// What a request finds in its extensions once it was here.
    pub(crate) const fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// Finds out who speaks, where the challenges are in the request already and whoever was known further out is forgotten.
    pub(crate) fn authenticate(&self, head: &mut request::Parts) -> Verdict<AuthenticatedPass> {
        let verdict = self.identify(head);
        if let Verdict::Ready(Ok(pass)) = &verdict
            && let Some(principal) = pass.principal()
        {
            principal.clone().leave(&mut head.extensions);
        }
        verdict
    }

    fn identify(&self, head: &mut request::Parts) -> Verdict<AuthenticatedPass> {
        let authorizations = self.sensitive.mark(&mut head.headers);
        #[cfg(feature = "mtls")]
        if let Some(certificates) = &self.forwarded_certificates
            && let Err(rejection) = certificates.read(head)
        {
            return Verdict::refuse(rejection);
        }
        let scheme = match self.presented(head, authorizations) {
            Ok(Some(scheme)) => scheme,
            Ok(None) if self.optional => {
                return Verdict::admit(self.pass(Outcome::Anonymous, None));
            }
            Ok(None) => {
                return Verdict::refuse(Rejection::new(
                    RejectionKind::Unauthenticated,
                    "no_credentials",
                ));
            }
            Err(rejection) => return Verdict::refuse(rejection),
        };
        let tried = scheme.challenge().scheme();
        match scheme.authenticate(head) {
            Attempt::Ready(outcome) => {
                match outcome.and_then(|it| confirmed(it, tried, || Proved::by_connection(head))) {
                    Ok(principal) => {
                        let header = scheme.response_header(head);
                        Verdict::admit(self.pass(Outcome::Known(principal), header))
                    }
                    Err(rejection) => Verdict::refuse(rejection.with_tried_scheme(tried)),
                }
            }
            Attempt::Pending(attempt) => {
                let mut pass = self.pass(Outcome::Anonymous, scheme.response_header(head));
                let proved = Proved::by_connection(head);
                Verdict::pending(async move {
                    let outcome = tokio::time::timeout(PATIENCE, attempt).await;
                    let outcome = outcome.unwrap_or_else(timed_out);
                    match outcome.and_then(|it| confirmed(it, tried, || proved)) {
                        Ok(principal) => {
                            pass.outcome = Outcome::Found(principal);
                            Ok(pass)
                        }
                        Err(rejection) => Err(rejection.with_tried_scheme(tried)),
                    }
                })
            }
        }
    }
}

fn timed_out(_: Elapsed) -> Result<Principal, Rejection> {
    Err(Rejection::new(RejectionKind::Unavailable, "authentication_timeout"))
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Gated<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated::new(inner, self.clone())
    }
}

pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What the authentication layer carries to the response.
#[derive(Debug)]
pub struct AuthenticatedPass {
    outcome: Outcome,
    challenges: Challenges,
    /// What the scheme adds to the response: rare, so it takes no room here.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl AuthenticatedPass {}

#[derive(Debug)]
enum Outcome {
    Anonymous,
    /// The principal is in the request already.
    Known(Principal),
    /// The principal was found by a pending attempt and still has to be written into the request.
    Found(Principal),
}

impl Pass for AuthenticatedPass {
    fn on_request(&mut self, head: &mut request::Parts) {
        if let Outcome::Found(principal) = &self.outcome {
            principal.clone().leave(&mut head.extensions);
            self.outcome = Outcome::Known(principal.clone());
        }
    }

    fn on_response(self, head: &mut response::Parts) {
        if self.forbids_storing(head.status) {
            head.headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
        }
        self.write(head);
    }
}

impl AuthenticatedPass {
    /// Who is in the request, for whoever need not look there.
    pub(crate) const fn principal(&self) -> Option<&Principal> {
        match &self.outcome {
            Outcome::Known(principal) => Some(principal),
            Outcome::Anonymous | Outcome::Found(_) => None,
        }
    }

    /// What one principal may see, and a refusal, are not for a shared cache (RFC 9111 3.5; ASVS 14.3.2), unless the
    /// handler says otherwise.
    pub(crate) fn forbids_storing(&self, status: StatusCode) -> bool {
        matches!(status.as_u16(), 401 | 403 | 429) || self.principal().is_some()
    }

    /// Writes what the scheme adds, and completes a handler's own 401.
    #[inline]
    pub(crate) fn write(&self, head: &mut response::Parts) {
        if self.header.is_some() || head.status == StatusCode::UNAUTHORIZED {
            self.complete(head);
        }
    }

    fn complete(&self, head: &mut response::Parts) {
        if let Some((name, value)) = self.header.as_deref() {
            head.headers.insert(name, value.clone());
            head.headers.insert(CACHE_CONTROL, NO_STORE);
        }
        // The handler may not know the schemes, and a 401 without a challenge is no valid response.
        if head.status == StatusCode::UNAUTHORIZED && !head.headers.contains_key(WWW_AUTHENTICATE) {
            for challenge in self.challenges.plain() {
                head.headers.append(WWW_AUTHENTICATE, challenge);
            }
        }
    }
}

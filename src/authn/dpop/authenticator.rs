use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use http::header::{HeaderName, HeaderValue};
use http::request;

use super::nonce::Nonces;
use super::proof::{self, Proof};
use super::target::Target;
use super::{DpopBuilder, ProofError};
use crate::authn::binding::Proved;
use crate::authn::jwt::{Algorithm, TokenError};
use crate::authn::replay::{ReplayStore, SpentProof};
use crate::authn::scheme_token::{after_scheme, authorization, token};
use crate::authn::{Attempt, Authenticator, TokenValidator, several_transports};
use crate::clock::Clock;
use crate::principal::Principal;
use crate::rejection::{Challenge, Rejection};

pub(super) const SCHEME: &str = "DPoP";
const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Accepts `Authorization: DPoP` with a token that is bound to a key, and a proof that the sender holds it (RFC 9449 7.1).
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct DpopAuthenticator(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) validator: Arc<dyn TokenValidator>,
    pub(super) services: Vec<Target>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) max_age: Duration,
    pub(super) tolerance: Duration,
    pub(super) nonces: Option<Nonces>,
    pub(super) replays: Arc<dyn ReplayStore>,
    pub(super) replay_timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) challenge: Challenge,
}

impl DpopAuthenticator {
    /// Starts a scheme that accepts the tokens that `validator` accepts.
    pub fn builder(validator: impl TokenValidator) -> DpopBuilder {
        DpopBuilder::new(Arc::new(validator))
    }

    /// What can be said of a proof without the token's validity and without a signature check: everything cheap.
    fn presented(&self, head: &request::Parts) -> Result<Presented, Rejection> {
        let mut proofs = head.headers.get_all(DPOP).iter();
        let text = proofs.next().ok_or(ProofError::Missing)?;
        if proofs.next().is_some() {
            return Err(ProofError::Repeated.into());
        }
        let field = text.clone();
        let text = text.to_str().map_err(|_| ProofError::Malformed)?;
        let proof = Proof::read(text, &self.0.algorithms)?;
        let thumbprint = proof.thumbprint()?;
        if proof.method != head.method.as_str() {
            return Err(ProofError::Method.into());
        }
        let target = Target::parse(&proof.target).ok_or(ProofError::Target)?;
        let path = asked_path(head);
        if !self.0.services.iter().any(|service| target.is_at(service, path)) {
            return Err(ProofError::Target.into());
        }
        self.0.check_times(&proof)?;
        let proved = Proved { jwk_thumbprint: Some(thumbprint), ..Proved::by_connection(head) };
        Ok(Presented { field, proof, thumbprint, proved })
    }
}

impl Authenticator for DpopAuthenticator {
    fn challenge(&self) -> &Challenge {
        &self.0.challenge
    }

    /// `DPoP`: a proof that was not used yet would do so elsewhere. (`Authorization` is not printed anyway.)
    fn credential_header(&self) -> HeaderName {
        DPOP
    }

    fn is_presented(&self, head: &request::Parts) -> bool {
        authorization(&head.headers)
            .is_some_and(|value| after_scheme(SCHEME, value.as_bytes()).is_some())
    }

    fn authenticate(&self, head: &request::Parts) -> Attempt {
        if let Err(rejection) = several_transports::refuse(head) {
            return Attempt::Ready(Err(rejection));
        }
        let value = authorization(&head.headers);
        let Some(token) = value.and_then(|value| token(SCHEME, value.as_bytes())) else {
            return Attempt::Ready(Err(TokenError::Malformed.into()));
        };
        let presented = match self.presented(head) {
            Ok(presented) => presented,
            Err(rejection) => return Attempt::Ready(Err(rejection)),
        };
        let hash = digest(&SHA256, token.as_bytes());
        if verify_slices_are_equal(hash.as_ref(), &presented.proof.token_hash).is_err() {
            return Attempt::Ready(Err(ProofError::TokenHash.into()));
        }
        let inner = Arc::clone(&self.0);
        self.0.validator.attempt(token).then(move |principal| inner.prove(principal, &presented))
    }

    /// A new nonce, for a request that came with an older one (RFC 9449 8.2).
    fn response_header(&self, head: &request::Parts) -> Option<(HeaderName, HeaderValue)> {
        let nonces = self.0.nonces.as_ref()?;
        let used = head.headers.get(DPOP).and_then(|field| proof::nonce(field.to_str().ok()?))?;
        let now = self.0.clock.unix();
        (!nonces.is_current(&used, now)).then(|| (DPOP_NONCE, nonces.current(now)))
    }
}

/// A proof that fits the request, on its way to be verified.
struct Presented {
    field: HeaderValue,
    proof: Proof,
    thumbprint: [u8; 32],
    proved: Proved,
}

impl Inner {
    /// Items 10 and 11, but for the nonce.
    fn check_times(&self, proof: &Proof) -> Result<(), ProofError> {
        let now = self.clock.unix();
        let latest = now.saturating_add(self.tolerance);
        if proof.issued_at > latest {
            return Err(ProofError::TooEarly);
        }
        if now > proof.issued_at.saturating_add(self.max_age) {
            return Err(ProofError::TooOld);
        }
        let expired = proof.expires_at.is_some_and(|expires_at| now >= expires_at);
        let early = proof.not_before.is_some_and(|not_before| not_before > latest);
        if expired || early { Err(ProofError::Expired) } else { Ok(()) }
    }

    /// That the sender holds the key of the token, and has not used this proof before.
    fn prove(&self, principal: Principal, presented: &Presented) -> Attempt {
        let checked = check_binding(&principal, presented.proved)
            .and_then(|()| Ok(presented.proof.verify(text(&presented.field)?)?))
            .and_then(|()| self.check_nonce(presented.proof.nonce.as_deref()))
            // Once more: a validator may have taken its time, and the store keeps no proof for longer than it is good.
            .and_then(|()| Ok(self.check_times(&presented.proof)?));
        if let Err(rejection) = checked {
            return Attempt::Ready(Err(rejection));
        }
        let principal = principal.with_scheme(SCHEME);
        let remembered = self.replays.remember(&self.spent(presented));
        remembered.judged(self.replay_timeout, principal)
    }

    /// Item 10. Whoever gets here holds token and key, and is told what to do.
    fn check_nonce(&self, nonce: Option<&str>) -> Result<(), Rejection> {
        let Some(nonces) = &self.nonces else { return Ok(()) };
        let now = self.clock.unix();
        let error = match nonce {
            Some(nonce) if nonces.accepts(nonce, now) => return Ok(()),
            Some(_) => ProofError::Nonce,
            None => ProofError::NonceMissing,
        };
        Err(Rejection::from(error).with_header(DPOP_NONCE, nonces.current(now)))
    }

    /// What to remember: longer than any instance could still accept the proof, whose clocks differ no more than is
    /// tolerated.
    fn spent(&self, presented: &Presented) -> SpentProof {
        let proof = &presented.proof;
        let window = self.max_age + self.tolerance + Duration::from_secs(1);
        let keep_for = (proof.issued_at.saturating_add(window)).saturating_sub(self.clock.unix());
        SpentProof::new(&presented.thumbprint, &proof.id, keep_for)
    }
}

/// Item 12: the token is bound to the key of the proof (RFC 9449 6), and if it is bound to a certificate too, to the one
/// that the connection showed (RFC 8705 3).
fn check_binding(principal: &Principal, proved: Proved) -> Result<(), Rejection> {
    let confirmation = principal.confirmation();
    if confirmation.jwk_thumbprint.is_none() {
        return Err(ProofError::TokenUnbound.into());
    }
    if !proved.has_key_of(confirmation) {
        return Err(ProofError::KeyMismatch.into());
    }
    Ok(proved.fulfils(confirmation)?)
}

fn text(field: &HeaderValue) -> Result<&str, ProofError> {
    field.to_str().map_err(|_| ProofError::Malformed)
}

/// The path that the caller asked for: a nested router has cut its own part off.
#[cfg(feature = "axum")]
fn asked_path(head: &request::Parts) -> &str {
    let original = head.extensions.get::<axum::extract::OriginalUri>();
    original.map_or(head.uri.path(), |original| original.0.path())
}

#[cfg(not(feature = "axum"))]
fn asked_path(head: &request::Parts) -> &str {
    head.uri.path()
}

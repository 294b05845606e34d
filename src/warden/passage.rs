//! A request's way through the controls, and its answer's way back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Response, request};

use super::answer::Additions;
use super::controls::Controls;
use crate::authn::AuthenticatedPass;
use crate::authz::object::Checks;
use crate::authz::tripwire::Watch;
use crate::authz::{RulesLayer, RulesPass};
use crate::client_address::ClientAddress;
use crate::gate::{Body, Gate, Pass, PendingVerdict, Verdict, refuse};
use crate::principal::Principal;
use crate::rate_limit::{Announced, Charges, Sender, announce};
use crate::rejection::{Arrival, Challenges, CorrelationId, Protocol, Rejection};
use crate::sanitize::{Asked, Panicked, SanitizedBody, after_panic, judge};

/// What the stack remembers of a request until its answer is there.
pub(super) struct Passage {
    controls: Arc<Controls>,
    /// Whether the request came over a secure transport.
    secure: bool,
    asked: Asked,
    arrival_charges: Option<Charges>,
    principal_charges: Option<Charges>,
    authenticated: Option<AuthenticatedPass>,
    /// What is to be checked before a success leaves.
    checks: Option<Arc<Checks>>,
}

/// How far a request came.
pub(super) enum Step {
    /// Through.
    Admitted,
    Refused(Response<Bytes>),
    Waiting(Awaited),
}

/// What has to be asked over the network before the request goes on.
pub(super) enum Awaited {
    ArrivalLimits(PendingVerdict<Charges>),
    PrincipalLimits(PendingVerdict<Charges>),
    Principal(PendingVerdict<AuthenticatedPass>),
    Rules(PendingVerdict<RulesPass>),
}

/// What came of it.
pub(super) enum Resolved {
    ArrivalLimits(Result<Charges, Rejection>),
    PrincipalLimits(Result<Charges, Rejection>),
    Principal(Result<AuthenticatedPass, Rejection>),
    Rules(Result<RulesPass, Rejection>),
}

impl Future for Awaited {
    type Output = Resolved;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Resolved> {
        match self.get_mut() {
            Self::ArrivalLimits(verdict) => verdict.as_mut().poll(cx).map(Resolved::ArrivalLimits),
            Self::PrincipalLimits(verdict) => {
                verdict.as_mut().poll(cx).map(Resolved::PrincipalLimits)
            }
            Self::Principal(verdict) => verdict.as_mut().poll(cx).map(Resolved::Principal),
            Self::Rules(verdict) => verdict.as_mut().poll(cx).map(Resolved::Rules),
        }
    }
}

impl Passage {
    /// Remembers a request, before any control is asked.
    pub(super) fn begin(controls: Arc<Controls>, head: &mut request::Parts) -> Self {
        let given = head.extensions.get::<CorrelationId>().copied();
        Self {
            secure: controls.headers.layer().is_secure(head),
            asked: Asked::of(head, given),
            arrival_charges: None,
            principal_charges: None,
            authenticated: None,
            checks: None,
            controls,
        }
    }

    /// Asks the controls, from the outermost inwards.
    pub(super) fn admit(&mut self, head: &mut request::Parts) -> Step {
        let step = self.ask(head);
        step.unwrap_or_else(|rejection| Step::Refused(refuse(rejection, head)))
    }

    /// Goes on where the request had to wait.
    pub(super) fn resume(&mut self, resolved: Resolved, head: &mut request::Parts) -> Step {
        let step = match resolved {
            Resolved::ArrivalLimits(outcome) => outcome.and_then(|charges| {
                self.arrival_charges = Some(charges);
                let now = self.controls.clock.monotonic();
                self.authenticate(head, now)
            }),
            Resolved::PrincipalLimits(outcome) => outcome.and_then(|charges| {
                self.principal_charges = Some(charges);
                self.judge(head)
            }),
            Resolved::Principal(outcome) => {
                let now = self.controls.clock.monotonic();
                outcome
                    .map_err(|rejection| rejection.by(self.controls.authenticate.name()))
                    .and_then(|mut pass| {
                        pass.on_request(head);
                        self.go_on(pass, head, now)
                    })
            }
            Resolved::Rules(outcome) => self.judged(outcome, head),
        };
        step.unwrap_or_else(|rejection| Step::Refused(refuse(rejection, head)))
    }

    fn ask(&mut self, head: &mut request::Parts) -> Result<Step, Rejection> {
        let Self { controls, asked, .. } = self;
        let Controls { client_address, arrival_limits, authenticate, clock, .. } = &**controls;
        let client = client_address.find(head);
        // What others left there is replaced. Where there is but one extension, it is the peer, and nobody left anything.
        if head.extensions.len() > 1 || client.is_err() {
            head.extensions.remove::<ClientAddress>();
            head.extensions.remove::<Challenges>();
            head.extensions.remove::<Principal>();
        }
        let around = head.extensions.insert(Arrival {
            correlation_id: asked.id,
            client: client.as_ref().ok().map(|client| client.ip()),
            challenges: authenticate.challenges().clone(),
            principal: None,
            checks: None,
        });
        if let Some(around) = around {
            asked.id = keep(around, &mut head.extensions);
        }
        let client = client.map_err(|rejection| rejection.by(client_address.name()))?;
        let now = clock.monotonic();
        if let Some(limits) = arrival_limits {
            let sender = Sender { client: Some(client), principal: None };
            match limits.admit(head, sender, asked.protocol, now) {
                Verdict::Ready(outcome) => self.arrival_charges = Some(outcome?),
                Verdict::Pending(verdict) => {
                    return Ok(Step::Waiting(Awaited::ArrivalLimits(verdict)));
                }
            }
        }
        self.authenticate(head, now)
    }

    fn authenticate(
        &mut self,
        head: &mut request::Parts,
        now: Duration,
    ) -> Result<Step, Rejection> {
        let authenticate = &self.controls.authenticate;
        match authenticate.authenticate(head) {
            Verdict::Ready(outcome) => {
                let pass = outcome.map_err(|rejection| rejection.by(authenticate.name()))?;
                self.go_on(pass, head, now)
            }
            Verdict::Pending(verdict) => Ok(Step::Waiting(Awaited::Principal(verdict))),
        }
    }

    /// What is asked once it is known who speaks.
    fn go_on(
        &mut self,
        pass: AuthenticatedPass,
        head: &mut request::Parts,
        now: Duration,
    ) -> Result<Step, Rejection> {
        self.authenticated = Some(pass);
        if let Some(limits) = &self.controls.principal_limits {
            let principal = self.authenticated.as_ref().and_then(AuthenticatedPass::principal);
            let sender = Sender { client: None, principal };
            match limits.admit(head, sender, self.asked.protocol, now) {
                Verdict::Ready(outcome) => self.principal_charges = Some(outcome?),
                Verdict::Pending(verdict) => {
                    return Ok(Step::Waiting(Awaited::PrincipalLimits(verdict)));
                }
            }
        }
        self.judge(head)
    }

    fn judge(&mut self, head: &mut request::Parts) -> Result<Step, Rejection> {
        let principal = self.authenticated.as_ref().and_then(AuthenticatedPass::principal);
        match self.controls.rules.judge(head, principal) {
            Verdict::Ready(outcome) => self.judged(outcome, head),
            Verdict::Pending(verdict) => Ok(Step::Waiting(Awaited::Rules(verdict))),
        }
    }

    fn judged(
        &mut self,
        outcome: Result<RulesPass, Rejection>,
        head: &mut request::Parts,
    ) -> Result<Step, Rejection> {
        let pass = outcome.map_err(|rejection| rejection.by(RulesLayer::NAME))?;
        self.checks = pass.begin(head);
        Ok(Step::Admitted)
    }

    /// What judges the service's answer, where the rule serves objects.
    pub(super) fn watch(&mut self) -> Option<Watch> {
        let protocol = self.asked.protocol;
        self.checks.take().map(|checks| Watch::new(checks, protocol))
    }

    /// What leaves the stack for what came back: the service's answer, or a control's refusal.
    pub(super) fn answer<B>(
        &self,
        response: Response<Body<B>>,
    ) -> Response<Body<SanitizedBody<Body<B>>>>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let Self {
            controls, secure, asked, arrival_charges, principal_charges, authenticated, ..
        } = self;
        let (mut head, body) = response.into_parts();
        if let Some(pass) = authenticated {
            pass.write(&mut head);
        }
        let arrival = controls.arrival_limits.as_deref().zip(arrival_charges.as_ref());
        let principal = controls.principal_limits.as_deref().zip(principal_charges.as_ref());
        for (limits, charges) in [principal, arrival].into_iter().flatten() {
            limits.charge_answer(charges, &mut head);
        }
        // gRPC has no fields for limits, and its trailers must not carry them.
        let announced = asked.protocol == Protocol::Http;
        let mut additions = Additions {
            request_id: asked.id.to_header_value(),
            limits: if announced { announce([arrival, principal]) } else { Announced::default() },
            no_store: authenticated.as_ref().is_some_and(|pass| pass.forbids_storing(head.status)),
        };
        let body = judge(asked, &mut head, body);
        controls.headers.write(&mut head.headers, &mut additions, *secure, asked.protocol);
        Response::from_parts(head, body)
    }

    /// What leaves the stack when something panicked: a panic passes by everything but the outermost controls.
    pub(super) fn answer_panic<B>(
        &self,
        panicked: Panicked,
    ) -> Response<Body<SanitizedBody<Body<B>>>> {
        let Self { controls, secure, asked, arrival_charges, principal_charges, .. } = self;
        let mut additions = Additions {
            request_id: asked.id.to_header_value(),
            limits: Announced::default(),
            no_store: false,
        };
        let (mut head, body) = after_panic(asked, panicked).into_parts();
        // It is a failure like any other, and limits of failures are charged for it.
        let arrival = controls.arrival_limits.as_deref().zip(arrival_charges.as_ref());
        let principal = controls.principal_limits.as_deref().zip(principal_charges.as_ref());
        for (limits, charges) in [principal, arrival].into_iter().flatten() {
            limits.charge_answer(charges, &mut head);
        }
        controls.headers.write(&mut head.headers, &mut additions, *secure, asked.protocol);
        Response::from_parts(head, body)
    }
}

/// Keeps what a stack around this one knows of the request and this one does not. Returns the request's id.
#[cold]
fn keep(around: Arrival, extensions: &mut Extensions) -> CorrelationId {
    let id = extensions.get::<CorrelationId>().copied().unwrap_or(around.correlation_id);
    if let Some(arrival) = Arrival::of_mut(extensions) {
        arrival.correlation_id = id;
        arrival.checks = around.checks;
    }
    id
}

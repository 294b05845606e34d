use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::Frame;

use super::body::Watched;
use super::held::released;
use super::{Held, TripwireBody};
use crate::authz::object::{Asker, Checks, Lapse};
use crate::gate::{Body, RETRY_AFTER};
use crate::rejection::{GRPC_STATUS, Protocol, Rejection, RejectionKind, Scene};
use crate::sanitize::speaks_grpc;

const CONTROL: &str = "tripwire";

/// What waits for the answer of a request whose rule serves objects.
#[derive(Debug)]
pub(crate) struct Watch {
    checks: Arc<Checks>,
    protocol: Protocol,
    /// In report mode: whether it was told already.
    reported: bool,
}

/// What becomes of an answer once its head is there.
pub(crate) enum Judged<B> {
    /// It leaves, or another one in its place.
    Leaves(Response<Body<TripwireBody<B>>>),
    /// It waits for the first frame of its body.
    Waits(Held<B>),
}

impl Watch {
    pub(crate) const fn new(checks: Arc<Checks>, protocol: Protocol) -> Self {
        Self { checks, protocol, reported: false }
    }

    /// Decides on an answer, where there is a watch.
    pub(crate) fn settle<B>(watch: Option<Self>, answer: Response<B>) -> Judged<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        match watch {
            Some(watch) => watch.judge(answer),
            None => Judged::Leaves(answer.map(plain)),
        }
    }

    /// Decides on an answer of which the head is there, and perhaps the body.
    fn judge<B>(mut self, answer: Response<B>) -> Judged<B>
    where
        B: http_body::Body<Data = Bytes>,
    {
        let body = answer.body();
        let is_complete = body.is_end_stream() || body.size_hint().exact().is_some();
        let is_covered = self.checks.conclude().is_ok();
        if is_complete && is_covered || is_error(&answer) {
            return Judged::Leaves(answer.map(plain));
        }
        if is_complete {
            return Judged::Leaves(match self.conclude() {
                Ok(()) => answer.map(plain),
                Err(lapse) => self.refuse(lapse).map(Body::own),
            });
        }
        let (head, body) = answer.into_parts();
        let waits = self.checks.is_enforced() && !is_covered;
        let body = Watched::new(body, self, speaks_grpc(&head.headers));
        if waits {
            Judged::Waits(Held::new(head, body))
        } else {
            Judged::Leaves(released(head, Box::pin(body)))
        }
    }

    /// Why nothing that tells of success may leave, in this moment. In report mode everything may, and it is told once.
    pub(super) fn conclude(&mut self) -> Result<(), Lapse> {
        let Err(lapse) = self.checks.conclude() else { return Ok(()) };
        if self.checks.is_enforced() {
            return Err(lapse);
        }
        if !self.reported {
            self.reported = true;
            self.log(lapse, "report");
        }
        Ok(())
    }

    /// The answer in place of the one that is withheld.
    pub(super) fn refuse(&self, lapse: Lapse) -> Response<Bytes> {
        self.log(lapse, "withhold");
        self.render(self.rejection(lapse))
    }

    /// The answer in place of one whose stream failed before anything of it had left: the denial, should one be the reason.
    pub(super) fn failed(&self) -> Response<Bytes> {
        let rejection = match self.checks.denial() {
            Some(kind) => Rejection::new(kind, "denied_in_stream"),
            None => Rejection::new(RejectionKind::Internal, "stream_failed"),
        };
        let rejection = rejection.by(CONTROL);
        rejection.log_request(None, self.asker().correlation_id);
        self.render(rejection)
    }

    /// The end of a stream that is cut.
    pub(super) fn cut(&self, lapse: Lapse) -> Rejection {
        self.log(lapse, "cut");
        self.rejection(lapse)
    }

    /// A denial that was swallowed is answered as it would have been: 500 for what the caller may not know of, beside 404
    /// for what does not exist, would tell the two apart.
    fn rejection(&self, lapse: Lapse) -> Rejection {
        let kind = match lapse {
            Lapse::NotPerformed => None,
            Lapse::DenialSwallowed => self.checks.denial(),
        };
        let kind = kind.unwrap_or(RejectionKind::Internal);
        Rejection::new(kind, lapse.reason()).by(CONTROL)
    }

    fn render(&self, mut rejection: Rejection) -> Response<Bytes> {
        if rejection.kind() == RejectionKind::Unavailable {
            rejection = rejection.with_retry_after(RETRY_AFTER);
        }
        let Asker { protocol, correlation_id } = self.asker();
        rejection.render(&Scene::afterwards(protocol, correlation_id))
    }

    fn asker(&self) -> Asker {
        self.checks.asker(self.protocol)
    }

    /// A bug of the service, whatever the caller is told: always an error.
    fn log(&self, lapse: Lapse, action: &'static str) {
        // The Debug form of a text escapes control characters (ASVS 16.4.1).
        let rule = self.checks.rule().to_string();
        let correlation_id = self.asker().correlation_id.map(tracing::field::display);
        tracing::error!(
            target: "tower_warden::authz",
            control = "tripwire", reason = lapse.reason(), action, ?rule, correlation_id,
            "a success without the object check that the rule demands"
        );
    }
}

fn plain<B>(body: B) -> Body<TripwireBody<B>> {
    Body::inner(TripwireBody::plain(body))
}

/// Whether an answer tells of no success: a status of 400 and above, or a gRPC status other than 0 and nothing behind it.
fn is_error<B: http_body::Body>(answer: &Response<B>) -> bool {
    let (headers, body) = (answer.headers(), answer.body());
    answer.status().as_u16() >= 400
        || (answer.status() == StatusCode::OK
            && (body.is_end_stream() || body.size_hint().exact() == Some(0))
            && speaks_grpc(headers)
            && tells_of_failure(headers))
}

/// Whether a frame is the end of a gRPC call that failed.
pub(super) fn is_failure(frame: &Frame<Bytes>) -> bool {
    frame.trailers_ref().is_some_and(tells_of_failure)
}

/// Whether these fields say one gRPC status, and it is a number other than 0.
fn tells_of_failure(fields: &HeaderMap) -> bool {
    let mut statuses = fields.get_all(GRPC_STATUS).iter();
    let (Some(status), None) = (statuses.next(), statuses.next()) else { return false };
    let number = status.to_str().ok().and_then(|text| text.parse::<u8>().ok());
    number.is_some_and(|number| number != 0)
}

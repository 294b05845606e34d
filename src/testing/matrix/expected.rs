use std::fmt;
use std::future::poll_fn;
use std::pin::pin;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};

/// What a cell of the matrix says. Over gRPC the status code counts in place of the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// 2xx or 3xx; `OK` over gRPC.
    Allowed,
    /// 403; `PERMISSION_DENIED`.
    Forbidden,
    /// 404, so that the actor does not learn whether there is such an object; `NOT_FOUND`.
    Hidden,
    /// One of the three refusals: what is expected of every actor that a row does not name.
    Refused,
    /// Exactly this status; for a gRPC call this status code.
    Status(u16),
    /// 401; `UNAUTHENTICATED`.
    Unauthenticated,
}

impl From<u16> for Expected {
    fn from(status: u16) -> Self {
        Self::Status(status)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Forbidden => f.write_str("forbidden"),
            Self::Hidden => f.write_str("hidden"),
            Self::Refused => f.write_str("refused"),
            Self::Status(status) => status.fmt(f),
            Self::Unauthenticated => f.write_str("unauthenticated"),
        }
    }
}

impl Expected {
    /// Whether the actor is to be let in.
    pub(super) const fn admits(self, grpc: bool) -> bool {
        match self {
            Self::Allowed => true,
            Self::Status(code) => is_success(code, grpc),
            _ => false,
        }
    }

    /// Whether the actor is to be kept out, and not only told that its request is bad.
    pub(super) fn refuses(self, grpc: bool) -> bool {
        let [unauthenticated, forbidden, hidden] = refusals(grpc);
        match self {
            Self::Allowed => false,
            Self::Forbidden | Self::Hidden | Self::Refused | Self::Unauthenticated => true,
            Self::Status(code) => [unauthenticated, forbidden, hidden].contains(&code),
        }
    }

    pub(super) fn is_met_by(self, got: &Got) -> bool {
        let (code, grpc) = match *got {
            Got::Http(status) => (status, false),
            Got::Grpc(code) => (code, true),
            Got::Failed(_) => return false,
        };
        let [unauthenticated, forbidden, hidden] = refusals(grpc);
        match self {
            Self::Allowed => is_success(code, grpc),
            Self::Forbidden => code == forbidden,
            Self::Hidden => code == hidden,
            Self::Refused => self.refuses(grpc) && Self::Status(code).refuses(grpc),
            Self::Status(exact) => code == exact,
            Self::Unauthenticated => code == unauthenticated,
        }
    }
}

const fn is_success(code: u16, grpc: bool) -> bool {
    if grpc { code == 0 } else { matches!(code, 200..=399) }
}

/// Unauthenticated, forbidden, hidden.
const fn refusals(grpc: bool) -> [u16; 3] {
    if grpc { [16, 7, 5] } else { [401, 403, 404] }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Http(u16),
    Grpc(u16),
    /// No answer at all, or one that ends in the middle.
    Failed(String),
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => status.fmt(f),
            Self::Grpc(code) => write!(f, "gRPC {code}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Got {
    /// Reads an answer: of gRPC also its end, unless it says its status at once, as refusals do.
    pub(super) async fn read<B: http_body::Body>(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let content_type = head.headers.get(CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
        if !content_type.starts_with(b"application/grpc") {
            return Self::Http(head.status.as_u16());
        }
        let at_once = grpc_status(&head.headers);
        match if at_once.is_some() { at_once } else { in_trailers(body).await } {
            Some(code) => Self::Grpc(code),
            None => Self::Failed("gRPC without a status".to_owned()),
        }
    }
}

/// The status behind the messages, which are dropped one by one.
async fn in_trailers<B: http_body::Body>(body: B) -> Option<u16> {
    let mut body = pin!(body);
    loop {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await?.ok()?;
        if let Some(trailers) = frame.trailers_ref() {
            return grpc_status(trailers);
        }
    }
}

fn grpc_status(fields: &HeaderMap) -> Option<u16> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

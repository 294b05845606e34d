use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, request};

use super::{Challenges, CorrelationId};

/// The protocol that a caller speaks, and wants its refusals in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC: a status in the trailers.
    Grpc,
    /// HTTP: a status code and a problem document.
    Http,
}

impl Protocol {
    /// Reads the protocol off the content type; everything that is not gRPC is HTTP.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let grpc = content_type(headers).is_some_and(|value| {
            let Some(rest) = strip_prefix_ignore_case(value.as_bytes(), b"application/grpc") else {
                return false;
            };
            // gRPC-Web has its own framing and is read by a translating layer further out.
            matches!(rest.first(), None | Some(b'+' | b';' | b' '))
        });
        if grpc { Self::Grpc } else { Self::Http }
    }
}

/// What a header section says of its body. Comparing the names of the few fields there are costs less than hashing one.
#[inline]
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.iter().find_map(|(name, value)| (*name == CONTENT_TYPE).then_some(value))
}

fn strip_prefix_ignore_case<'v>(value: &'v [u8], prefix: &[u8]) -> Option<&'v [u8]> {
    let (head, rest) = value.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// What rendering a refusal needs to know of the request.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'r> {
    protocol: Protocol,
    correlation_id: Option<CorrelationId>,
    challenges: Option<&'r Challenges>,
}

impl<'r> Scene<'r> {
    /// Reads protocol, correlation id and the challenges of the authentication layer off a request.
    #[must_use]
    pub fn of(head: &'r request::Parts) -> Self {
        Self {
            protocol: Protocol::of(&head.headers),
            correlation_id: CorrelationId::of(&head.extensions),
            challenges: Challenges::of(&head.extensions),
        }
    }

    /// A scene without challenges, for a response whose request is gone.
    #[must_use]
    pub(crate) const fn afterwards(
        protocol: Protocol,
        correlation_id: Option<CorrelationId>,
    ) -> Self {
        Self { protocol, correlation_id, challenges: None }
    }

    /// The protocol of the caller.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The correlation id, where the sanitizing layer gave one.
    #[must_use]
    pub const fn correlation_id(&self) -> Option<CorrelationId> {
        self.correlation_id
    }

    pub(super) fn challenges(&self) -> &'r Challenges {
        // Also where no scheme is configured: a 401 without a challenge is no valid response.
        self.challenges.filter(|own| !own.is_empty()).unwrap_or(Challenges::fallback())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn g1_grpc_is_told_by_its_content_type_alone() {
        for (value, protocol) in [
            ("application/grpc", Protocol::Grpc),
            ("application/grpc+proto", Protocol::Grpc),
            ("Application/GRPC;x=y", Protocol::Grpc),
            ("application/grpc-web", Protocol::Http),
            ("application/grpcx", Protocol::Http),
            ("application/json", Protocol::Http),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(Protocol::of(&headers), protocol, "{value}");
        }
        assert_eq!(Protocol::of(&HeaderMap::new()), Protocol::Http);
    }
}

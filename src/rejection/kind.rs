use http::StatusCode;

/// What a caller may know of a refusal. One table gives each kind its status, code, text and gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The caller uses the service in a way that people do not: 429 (draft-ietf-httpapi-ratelimit-headers-10, section 5.3).
    AbnormalUsage,
    /// The request cannot be understood, or says two things at once: 400.
    BadRequest,
    /// The caller is known, and may not do this: 403.
    Forbidden,
    /// The header section is too large: 431 (RFC 6585 5).
    HeadersTooLarge,
    /// The caller is known, but its token carries too little scope: 403 (RFC 6750 3.1).
    InsufficientScope,
    /// The token is good, but the person has to log in again, or in another way: 401 (RFC 9470 3).
    InsufficientUserAuthentication,
    /// Something is wrong on this side: 500.
    Internal,
    /// Credentials were presented and are not good: 401.
    InvalidCredentials,
    /// The route exists, but not for this method: 405.
    MethodNotAllowed,
    /// There is no such thing, or the caller may not know of it: 404.
    NotFound,
    /// The body is too large: 413.
    PayloadTooLarge,
    /// The caller spent its quota: 429 (RFC 6585 4).
    QuotaExceeded,
    /// What counts the requests is out of order, so that fewer are admitted: 503 (draft-ietf-httpapi-ratelimit-headers-10,
    /// section 5.2).
    ReducedCapacity,
    /// Credentials are needed and none were presented: 401.
    Unauthenticated,
    /// A dependency is down; try again later: 503.
    Unavailable,
    /// The body's media type is not accepted: 415.
    UnsupportedMediaType,
    /// The request target is too long: 414.
    UriTooLong,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    /// The problem type; `about:blank` says no more than the status does (RFC 9457 4.2.1).
    pub(super) problem_type: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: &'static str,
    /// The gRPC status code, as decimal text (gRPC "Status codes and their use").
    pub(super) grpc: &'static str,
}

/// The problem type that says no more than the status does (RFC 9457 4.2.1).
pub(super) const BLANK: &str = "about:blank";

const fn row(
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: &'static str,
    grpc: &'static str,
) -> Row {
    Row { status, code, problem_type: BLANK, title, detail, grpc }
}

impl RejectionKind {
    /// All kinds, for tests and inventories.
    pub const ALL: [Self; 17] = [
        Self::AbnormalUsage,
        Self::BadRequest,
        Self::Forbidden,
        Self::HeadersTooLarge,
        Self::InsufficientScope,
        Self::InsufficientUserAuthentication,
        Self::Internal,
        Self::InvalidCredentials,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::PayloadTooLarge,
        Self::QuotaExceeded,
        Self::ReducedCapacity,
        Self::Unauthenticated,
        Self::Unavailable,
        Self::UnsupportedMediaType,
        Self::UriTooLong,
    ];

    #[rustfmt::skip]
    pub(super) const fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Self::AbnormalUsage => Row {
                status: S::TOO_MANY_REQUESTS,
                code: "abnormal_usage_detected",
                problem_type: "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
                title: "Request not satisfied due to detection of abnormal request pattern",
                detail: "The pattern of requests is not that of ordinary use. Retry later.",
                grpc: "8",
            },
            Self::BadRequest => row(S::BAD_REQUEST, "invalid_request", "Bad Request", "The request is malformed.", "3"),
            Self::Forbidden => row(S::FORBIDDEN, "forbidden", "Forbidden", "This is not allowed.", "7"),
            Self::HeadersTooLarge => row(S::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "Request Header Fields Too Large", "The header section is too large.", "8"),
            Self::InsufficientScope => row(S::FORBIDDEN, "insufficient_scope", "Forbidden", "The credentials lack the scope that this needs.", "7"),
            Self::InsufficientUserAuthentication => row(S::UNAUTHORIZED, "insufficient_user_authentication", "Unauthorized", "A more recent or a stronger authentication is needed.", "16"),
            Self::Internal => row(S::INTERNAL_SERVER_ERROR, "internal_error", "Internal Server Error", "The server failed to handle the request.", "13"),
            Self::InvalidCredentials => row(S::UNAUTHORIZED, "invalid_credentials", "Unauthorized", "The credentials are not valid.", "16"),
            Self::MethodNotAllowed => row(S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method Not Allowed", "The method is not allowed here.", "12"),
            Self::NotFound => row(S::NOT_FOUND, "not_found", "Not Found", "There is nothing here.", "5"),
            Self::PayloadTooLarge => row(S::PAYLOAD_TOO_LARGE, "payload_too_large", "Payload Too Large", "The body is too large.", "8"),
            Self::QuotaExceeded => Row {
                status: S::TOO_MANY_REQUESTS,
                code: "quota_exceeded",
                problem_type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
                title: "Request cannot be satisfied as assigned quota has been exceeded",
                detail: "The quota is spent. Retry later.",
                grpc: "8",
            },
            Self::ReducedCapacity => Row {
                status: S::SERVICE_UNAVAILABLE,
                code: "temporary_reduced_capacity",
                problem_type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
                title: "Request cannot be satisfied due to temporary server capacity constraints",
                detail: "The service admits fewer requests at the moment. Retry later.",
                grpc: "14",
            },
            Self::Unauthenticated => row(S::UNAUTHORIZED, "unauthenticated", "Unauthorized", "Credentials are required.", "16"),
            Self::Unavailable => row(S::SERVICE_UNAVAILABLE, "unavailable", "Service Unavailable", "The service is not available at the moment. Retry later.", "14"),
            Self::UnsupportedMediaType => row(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Unsupported Media Type", "The media type of the body is not accepted.", "3"),
            Self::UriTooLong => row(S::URI_TOO_LONG, "uri_too_long", "URI Too Long", "The request target is too long.", "3"),
        }
    }

    /// The kind that says no more than a bare status does: what replaces a response that may say too much.
    #[must_use]
    pub(crate) const fn of_status(status: StatusCode) -> Option<Self> {
        Some(match status.as_u16() {
            400 => Self::BadRequest,
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            413 => Self::PayloadTooLarge,
            414 => Self::UriTooLong,
            415 => Self::UnsupportedMediaType,
            431 => Self::HeadersTooLarge,
            503 => Self::Unavailable,
            500..=599 => Self::Internal,
            _ => return None,
        })
    }

    /// The HTTP status code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// The stable code that callers see, in the member `code` of the problem document.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The fixed text that callers see, in the member `detail` and in `grpc-message`.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        self.row().detail
    }

    /// The gRPC status code, from 1 to 16.
    #[must_use]
    pub fn grpc_code(self) -> i32 {
        self.row().grpc.parse().unwrap_or(2)
    }

    /// Whether the cause lies on this side: a bug, a wrong set-up or a dependency.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        self.row().status.as_u16() >= 500
    }
}

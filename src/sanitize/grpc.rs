//! Failures in gRPC's own terms: the fields `grpc-status` and `grpc-message`, in trailers or, when nothing else was
//! sent, in the header section (gRPC over HTTP/2, "Responses").

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::mem;

use http::header::HeaderValue;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;

use super::CONTROL;
use super::panicked::bounded;
use crate::rejection::{GRPC_MESSAGE, GRPC_STATUS, Rejection, RejectionKind, grpc_message};

/// What a handler's gRPC failure said; for the log only.
#[derive(Debug)]
struct HandlerStatus {
    code: String,
    message: String,
}

impl fmt::Display for HandlerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grpc-status {}: {}", self.code, self.message)
    }
}

impl Error for HandlerStatus {}

/// Takes the texts out of header fields or trailers that tell of a failure inside, and returns what to log.
///
/// Of a failure stay its code and the fields named in `kept`: metadata and `grpc-status-details-bin` are texts too.
pub(super) fn scrub(fields: &mut HeaderMap, kept: &[HeaderName]) -> Option<Rejection> {
    if is_for_the_caller(fields) {
        return None;
    }
    let told = mem::take(fields);
    let code = told.get(GRPC_STATUS);
    let (kind, code_told) = match code.map(HeaderValue::as_bytes) {
        Some(b"14") => (RejectionKind::Unavailable, "14"),
        Some(b"13") => (RejectionKind::Internal, "13"),
        Some(b"15") => (RejectionKind::Internal, "15"),
        // UNKNOWN; and a code that does not exist says nothing either.
        _ => (RejectionKind::Internal, "2"),
    };
    *fields = only(&told, kept);
    fields.insert(GRPC_STATUS, HeaderValue::from_static(code_told));
    fields.insert(GRPC_MESSAGE, grpc_message(kind.detail()));
    let text = |value: Option<&HeaderValue>| {
        let text =
            value.map_or(Cow::Borrowed(""), |v| percent_decode(v.as_bytes()).decode_utf8_lossy());
        bounded(&text)
    };
    let source = HandlerStatus { code: text(code), message: text(told.get(GRPC_MESSAGE)) };
    Some(Rejection::new(kind, "handler_failed").by(CONTROL).with_source(source))
}

/// The named fields of a header section, and no others.
pub(super) fn only(fields: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let pairs = |name| {
        fields.get_all(name).iter().map(move |value| (HeaderName::clone(name), value.clone()))
    };
    // Pairs of a name and a value are appended: a field may have several lines.
    let mut kept = HeaderMap::new();
    kept.extend(names.iter().flat_map(pairs));
    kept
}

/// Whether the fields carry no status, or one whose message a handler writes for its callers.
fn is_for_the_caller(fields: &HeaderMap) -> bool {
    let mut statuses = fields.get_all(GRPC_STATUS).iter();
    match (statuses.next(), statuses.next()) {
        (None, _) => !fields.contains_key(GRPC_MESSAGE),
        (Some(status), None) => matches!(
            status.as_bytes(),
            b"0" | b"1"
                | b"3"
                | b"4"
                | b"5"
                | b"6"
                | b"7"
                | b"8"
                | b"9"
                | b"10"
                | b"11"
                | b"12"
                | b"16"
        ),
        // Which of two statuses counts is for each client to guess.
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |value: &str| HeaderValue::from_str(value).unwrap();
        let mut fields = HeaderMap::new();
        for (name, text) in pairs {
            fields.append(HeaderName::from_static(name), value(text));
        }
        fields
    }

    #[test]
    fn g2_statuses_that_handlers_write_for_callers_stay() {
        for code in ["0", "1", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "16"] {
            let mut told =
                fields(&[("grpc-status", code), ("grpc-message", "no such order"), ("x", "y")]);
            let before = told.clone();
            assert!(scrub(&mut told, &[]).is_none(), "{code}");
            assert_eq!(told, before);
        }
        assert!(scrub(&mut fields(&[("etag", "7")]), &[]).is_none());
    }

    #[test]
    fn e3_statuses_that_tell_of_the_inside_lose_their_texts() {
        for (code, left) in [
            ("2", "2"),
            ("13", "13"),
            ("14", "14"),
            ("15", "15"),
            ("013", "2"),
            ("17", "2"),
            ("", "2"),
        ] {
            let mut told = fields(&[
                ("grpc-status", code),
                ("grpc-message", "db-7%0Adown"),
                ("grpc-status-details-bin", "c2VjcmV0"),
                ("x-debug-bin", "c2VjcmV0"),
            ]);
            let failure = scrub(&mut told, &[]).unwrap();
            assert_eq!(told[GRPC_STATUS], left);
            assert_eq!(told[GRPC_MESSAGE], failure.kind().detail());
            assert_eq!(told.len(), 2);
            assert_eq!(
                failure.source().unwrap().to_string(),
                format!("grpc-status {code}: db-7\ndown")
            );
        }
    }

    #[test]
    fn e3_a_second_status_does_not_hide_the_first() {
        let mut told =
            fields(&[("grpc-status", "5"), ("grpc-status", "13"), ("grpc-message", "db-7")]);
        assert!(scrub(&mut told, &[]).is_some());
        assert_eq!(told.get_all(GRPC_STATUS).iter().count(), 1);
        let mut alone = fields(&[("grpc-message", "db-7")]);
        assert!(scrub(&mut alone, &[]).is_some());
        assert_eq!(alone[GRPC_STATUS], "2");
    }

    proptest! {
        #[test]
        fn e3_no_status_and_no_message_panics_or_slips_through(code in "[ -~]{0,4}", message in proptest::collection::vec(32_u8..=255, 0..40)) {
            prop_assume!(!message.contains(&127));
            let mut fields_left = fields(&[("grpc-status", &code)]);
            fields_left.insert(GRPC_MESSAGE, HeaderValue::from_bytes(&message).unwrap());
            // A code in another spelling, such as 05, is nobody's.
            let known = (0..=16).any(|known| known.to_string() == code);
            let told = known && !matches!(code.as_str(), "2" | "13" | "14" | "15");
            let changed = scrub(&mut fields_left, &[]).is_some();
            prop_assert_eq!(changed, !told);
            prop_assert!(!changed || fields_left.len() == 2);
        }
    }
}

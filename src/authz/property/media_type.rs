use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// What a message says that its body is (RFC 9110 8.3), in lower case and without parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MediaType(String);

impl MediaType {
    /// `None` where it is not said, said twice, or said with a character set that JSON does not have (RFC 8259 8.1).
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let mut parts = value.to_str().ok()?.split(';').map(str::trim);
        let essence = parts.next()?.to_ascii_lowercase();
        let is_utf8 = |parameter: &str| match parameter.split_once('=') {
            Some((name, set)) if name.trim().eq_ignore_ascii_case("charset") => {
                set.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        };
        (essence.contains('/') && parts.all(is_utf8)).then_some(Self(essence))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// `application/json`, or a type with the suffix `+json` (RFC 6839 3.1).
    pub(super) fn is_json(&self) -> bool {
        self.0 == "application/json" || self.0.ends_with("+json")
    }
}

/// Whether the body is encoded, compressed as a rule (RFC 9110 8.4).
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    encodings.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn z12_a_media_type_is_said_once_and_is_utf8() {
        let of = |values: &[&'static str]| {
            let lines = values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            headers.extend(lines);
            for (name, value) in values.iter().skip(1).map(|value| (CONTENT_TYPE, *value)) {
                headers.append(name, HeaderValue::from_static(value));
            }
            MediaType::of(&headers).map(|own| own.is_json())
        };
        for json in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json ; Charset=\"UTF-8\"",
            "application/problem+json",
            "application/vnd.acme.order+json; v=2",
        ] {
            assert_eq!(of(&[json]), Some(true), "{json}");
        }
        for other in [
            "text/json",
            "text/plain",
            "application/x-ndjson",
            "application/json-seq",
            "application/grpc",
        ] {
            assert_eq!(of(&[other]), Some(false), "{other}");
        }
        for none in
            ["", "json", "application/json; charset=utf-16", "application/json;charset=\"utf-7\""]
        {
            assert_eq!(of(&[none]), None, "{none}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["application/json", "application/json"]), None);
    }
}

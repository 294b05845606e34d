//! Which version of a service a request asks for.

use http::{HeaderMap, HeaderName, HeaderValue, header, request};

use crate::rejection::{Rejection, RejectionKind};

/// Where requests name the version that they are for. The service decides, and has to read it there itself.
///
/// What a section is named after is compared byte for byte: `1` is not `1.0`. A request that names several versions, or one
/// in a form that cannot be read, is refused with 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionBy(Source);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Header(HeaderName),
    Parameter(Box<str>),
    /// What was given is no name of a header field.
    Unnamed(Box<str>),
}

impl VersionBy {
    /// A header field of its own, such as `api-version`.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self(name.parse().map_or_else(|_| Source::Unnamed(name.into()), Source::Header))
    }

    /// A parameter of the media types in `Accept` and `Content-Type`: `application/json;version=2`. Both fields count, and
    /// have to agree.
    #[must_use]
    pub fn media_type_parameter(name: &str) -> Self {
        Self(Source::Parameter(name.into()))
    }

    /// What is wrong with it, if something is.
    pub(super) fn problem(&self) -> Option<&'static str> {
        match &self.0 {
            Source::Header(_) => None,
            Source::Parameter(name) => {
                (!is_token(name)).then_some("is named by no parameter of a media type")
            }
            Source::Unnamed(_) => Some("is named by no header field"),
        }
    }

    /// The version that a request names; `None` where it names none.
    pub(super) fn of<'r>(&self, head: &'r request::Parts) -> Result<Option<&'r str>, Rejection> {
        let found = match &self.0 {
            Source::Header(name) => one_field(&head.headers, name),
            Source::Parameter(name) => in_media_types(&head.headers, name),
            Source::Unnamed(_) => Ok(None),
        };
        found.map_err(|why| {
            Rejection::new(RejectionKind::BadRequest, "ambiguous_version").with_source(why)
        })
    }
}

fn one_field<'r>(
    headers: &'r HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'r str>, &'static str> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => text(only).map(Some),
        (Some(_), Some(_)) => Err("several fields name a version"),
    }
}

fn in_media_types<'r>(headers: &'r HeaderMap, name: &str) -> Result<Option<&'r str>, &'static str> {
    let mut found = None;
    let accepted = headers.get_all(header::ACCEPT).iter();
    for field in accepted.chain(headers.get_all(header::CONTENT_TYPE)) {
        let mut rest = text(field)?;
        let mut in_parameters = false;
        while !rest.is_empty() {
            let (piece, after) = next_piece(rest)?;
            if in_parameters
                && let Some((parameter, value)) = piece.split_once('=')
                && parameter.trim().eq_ignore_ascii_case(name)
            {
                let value = unquoted(value.trim())?;
                if found.replace(value).is_some_and(|before| before != value) {
                    return Err("media types name several versions");
                }
            }
            in_parameters = after.starts_with(';');
            rest = after.get(1..).unwrap_or_default();
        }
    }
    Ok(found)
}

/// The text up to the next `;` or `,` outside of quotes, and the rest from there.
fn next_piece(text: &str) -> Result<(&str, &str), &'static str> {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            // Who does not know of escapes would see the quotes end elsewhere.
            b'\\' => return Err("a media type with a backslash"),
            b';' | b',' if !quoted => return Ok(text.split_at(at)),
            _ => {}
        }
    }
    if quoted { Err("a media type with an open quote") } else { Ok((text, "")) }
}

fn unquoted(value: &str) -> Result<&str, &'static str> {
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let value = inside.unwrap_or(value);
    let odd = value.is_empty() || value.contains('"');
    if odd { Err("a version that is no token and no text in quotes") } else { Ok(value) }
}

fn text(value: &HeaderValue) -> Result<&str, &'static str> {
    value.to_str().map_err(|_| "a field that is no visible ASCII")
}

/// A token of RFC 9110 5.6.2.
fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(by: &VersionBy, fields: &[(&str, &str)]) -> Result<Option<String>, &'static str> {
        let mut request = http::Request::get("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        by.of(&head).map(|found| found.map(str::to_owned)).map_err(|refused| refused.reason())
    }

    #[test]
    fn a_version_is_read_from_the_field_or_the_parameter_that_was_chosen() {
        let field = VersionBy::header("Api-Version");
        let parameter = VersionBy::media_type_parameter("version");
        for (by, fields, expected) in [
            (&field, &[("api-version", "2")][..], Some("2")),
            (&field, &[("accept", "a/b;version=2")], None),
            (&parameter, &[("accept", "a/b;version=2")], Some("2")),
            (&parameter, &[("accept", "a/b; q=1; Version=\"2, 3\";x, c/d")], Some("2, 3")),
            (&parameter, &[("accept", "version=2, a/b, c/d;x=\"; version=3\"")], None),
            (
                &parameter,
                &[("accept", "a/b;version=2, */*;q=0.1"), ("content-type", "a/b; version=2")],
                Some("2"),
            ),
            (&parameter, &[("content-type", "a/b;version=1")], Some("1")),
            (&parameter, &[("api-version", "2")], None),
        ] {
            assert_eq!(version(by, fields), Ok(expected.map(str::to_owned)), "{by:?} {fields:?}");
        }
    }

    #[test]
    fn z13_a_version_that_two_readers_could_read_differently_is_refused() {
        let field = VersionBy::header("api-version");
        let parameter = VersionBy::media_type_parameter("version");
        for (by, fields) in [
            (&field, &[("api-version", "1"), ("api-version", "1")][..]),
            (&field, &[("api-version", "\u{f6}")]),
            (&parameter, &[("accept", "a/b;version=1, a/b;version=2")]),
            (&parameter, &[("accept", "a/b;version=1"), ("content-type", "a/b;version=2")]),
            (&parameter, &[("accept", "a/b;version=1"), ("accept", "a/b;version=2")]),
            (&parameter, &[("accept", "a/b;version=")]),
            (&parameter, &[("accept", "a/b;version=\"1")]),
            (&parameter, &[("accept", "a/b;version=1\"\"")]),
            (&parameter, &[("accept", "a/b;x=\"\\\";version=1\"")]),
        ] {
            assert_eq!(version(by, fields), Err("ambiguous_version"), "{by:?} {fields:?}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_panic(value in "[ -~]{0,40}") {
            let _ = version(&VersionBy::media_type_parameter("v"), &[("accept", &value)]);
        }

        #[test]
        fn a_version_in_quotes_is_read_back(value in "[a-z0-9.,;= -]{1,12}") {
            let accept = format!("a/b;q=1;v=\"{value}\", c/d");
            prop_assert_eq!(version(&VersionBy::media_type_parameter("v"), &[("accept", &accept)]), Ok(Some(value)));
        }
    }
}

//! Any request to a table with sections: its lines are target, fields `Host`, `Accept`, `Content-Type` and `api-version`,
//! each with a letter in front. Nobody who reads host and version from it gets to another section than the rules do.
#![no_main]

use std::sync::LazyLock;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use libfuzzer_sys::fuzz_target;
use tower_warden::authz::{Rules, RulesBuilder, VersionBy, public, role};

const ADMIN: &str = "admin.example.com";

static BY_HEADER: LazyLock<Rules> = LazyLock::new(|| rules(VersionBy::header("api-version")));
static BY_MEDIA_TYPE: LazyLock<Rules> =
    LazyLock::new(|| rules(VersionBy::media_type_parameter("version")));

fn rules(by: VersionBy) -> Rules {
    let paths =
        |rules: RulesBuilder| rules.get("/", public("home")).get("/orders/{id}", role("user"));
    paths(Rules::builder())
        .version_by(by)
        .version("1", paths)
        .version("2", paths)
        .host(ADMIN, |rules| rules.get("/orders/{id}", role("admin")).version("2", paths))
        .build()
        .unwrap()
}

fuzz_target!(|bytes: &[u8]| {
    let mut uri = None;
    let mut fields = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((kind, value)) = line.split_first() else { continue };
        let mut add = |name| {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                fields.append(name, value);
            }
        };
        match kind {
            b'h' => add(header::HOST),
            b'a' => add(header::ACCEPT),
            b'c' => add(header::CONTENT_TYPE),
            b'v' => add(HeaderName::from_static("api-version")),
            _ => uri = Uri::try_from(value).ok(),
        }
    }
    let Some(uri) = uri else { return };
    let (mut head, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
    head.headers = fields;

    // Neither the name of a host nor a version may itself make anything panic.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Rules::builder().host(text, |rules| rules.get("/", public("any"))).build();
        let by = VersionBy::media_type_parameter(text);
        let in_section = |rules: RulesBuilder| rules.get("/", public("any"));
        let _ = Rules::builder().version_by(by).version(text, in_section).build();
        let by = VersionBy::header(text);
        let _ = Rules::builder().version_by(by).version("1", in_section).build();
    }

    for (rules, by_header) in [(&*BY_HEADER, true), (&*BY_MEDIA_TYPE, false)] {
        let Some(rule) = rules.rule_for_request(&head) else { continue };
        for host in hosts(&head) {
            assert_eq!(rule.host().is_some(), host == ADMIN, "{host}: {rule}");
        }
        let named = if by_header {
            let fields = head.headers.get_all("api-version").iter();
            fields.map(|value| value.to_str().unwrap().to_owned()).collect()
        } else {
            parameters(&head.headers)
        };
        assert!(named.iter().all(|named| rule.version() == Some(named)), "{named:?}: {rule}");
        assert_eq!(rule.version().is_none(), named.is_empty(), "{named:?}: {rule}");
    }
});

/// Every host that somebody could find, as the crate `http` reads it.
fn hosts(head: &http::request::Parts) -> Vec<String> {
    let fields = head.headers.get_all(header::HOST).iter();
    let fields = fields.filter_map(|value| Authority::try_from(value.as_bytes()).ok());
    let target = head.uri.authority().cloned();
    let host = |authority: Authority| {
        let host = authority.host().to_ascii_lowercase();
        host.strip_suffix('.').unwrap_or(&host).to_owned()
    };
    target.into_iter().chain(fields).map(host).collect()
}

/// Every value of a parameter `version`, by a reader that takes the texts apart from behind quotes.
fn parameters(headers: &HeaderMap) -> Vec<String> {
    let fields =
        headers.get_all(header::ACCEPT).iter().chain(headers.get_all(header::CONTENT_TYPE));
    let mut found = Vec::new();
    for field in fields {
        let mut plain = String::new();
        // What stands in quotes loses what could be taken for structure.
        for (at, part) in field.to_str().unwrap().split('"').enumerate() {
            if at % 2 == 0 {
                plain.push_str(part);
            } else {
                plain.push_str(&part.replace([';', ',', '=', ' '], "?"));
            }
        }
        for media_type in plain.split(',') {
            for parameter in media_type.split(';').skip(1) {
                if let Some((name, value)) = parameter.split_once('=')
                    && name.trim().eq_ignore_ascii_case("version")
                {
                    found.push(value.trim().to_owned());
                }
            }
        }
    }
    found
}

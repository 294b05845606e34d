//! What a value of a known header may be; a browser ignores a value that it does not know, and with it the protection.

use http::HeaderName;
use sfv::Parser;
use sfv::visitor::Ignored;

use super::content_security_policy;
use crate::config::Problems;

/// Headers with a fixed set of values.
const CHOICES: [(&str, &[&str]); 8] = [
    ("cross-origin-embedder-policy", &["credentialless", "require-corp", "unsafe-none"]),
    (
        "cross-origin-opener-policy",
        &["noopener-allow-popups", "same-origin", "same-origin-allow-popups", "unsafe-none"],
    ),
    ("cross-origin-resource-policy", &["cross-origin", "same-origin", "same-site"]),
    ("origin-agent-cluster", &["?0", "?1"]),
    ("x-content-type-options", &["nosniff"]),
    ("x-dns-prefetch-control", &["off", "on"]),
    ("x-frame-options", &["DENY", "SAMEORIGIN"]),
    ("x-xss-protection", &["0"]),
];

const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// Fields that frame or describe one message, which no layer can know for all of them.
const OF_ONE_MESSAGE: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn check(name: &HeaderName, value: &str, problems: &mut Problems) {
    let name = name.as_str();
    if OF_ONE_MESSAGE.contains(&name) {
        problems.add(name, "belongs to one message and is not for every response");
    }
    if value.trim() != value || value.is_empty() {
        problems.add(name, format!("{value:?} is empty or begins or ends with white space"));
    }
    if let Some((_, choices)) = CHOICES.iter().find(|(known, _)| *known == name)
        && !choices.contains(&value)
    {
        problems.add(name, format!("{value:?} is none of {}", choices.join(", ")));
    }
    match name {
        "content-security-policy" | "content-security-policy-report-only" => {
            content_security_policy::check(name, value, problems);
        }
        "permissions-policy"
            if Parser::new(value).parse_dictionary_with_visitor(Ignored).is_err() =>
        {
            problems.add(name, format!("{value:?} is no dictionary such as camera=(), usb=(self)"));
        }
        // A list of fallbacks for older browsers, the last one known counts.
        "referrer-policy"
            if !value.split(',').all(|policy| REFERRER_POLICIES.contains(&policy.trim())) =>
        {
            problems.add(name, format!("{value:?} is none of {}", REFERRER_POLICIES.join(", ")));
        }
        "strict-transport-security" => problems.add(name, "is set with hsts"),
        _ => {}
    }
}

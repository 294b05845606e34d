//! The spelling of a content security policy (CSP Level 3, 2.2). A browser skips what it does not understand without a
//! word, so a policy with a slip of the pen protects less than it says.

use crate::config::Problems;

/// The directives of CSP Level 3 and of the specifications that add to it.
const DIRECTIVES: [&str; 29] = [
    "base-uri",
    "block-all-mixed-content",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "report-to",
    "report-uri",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "trusted-types",
    "upgrade-insecure-requests",
    "webrtc",
    "worker-src",
    "prefetch-src",
];

/// Words that mean something in single quotes only; bare, they are names of hosts.
const KEYWORDS: [&str; 13] = [
    "allow-duplicates",
    "inline-speculation-rules",
    "none",
    "report-sample",
    "report-sha256",
    "self",
    "strict-dynamic",
    "trusted-types-eval",
    "unsafe-allow-redirects",
    "unsafe-eval",
    "unsafe-hashes",
    "unsafe-inline",
    "wasm-unsafe-eval",
];

const KEYWORD_FAMILIES: [&str; 4] = ["nonce-", "sha256-", "sha384-", "sha512-"];

pub(super) fn check(header: &str, policy: &str, problems: &mut Problems) {
    if let Some(other) = policy.chars().find(|char| !matches!(char, ' '..='~') || *char == ',') {
        problems.add(header, format!("{other:?} has no place in a policy"));
    }
    let mut seen = Vec::new();
    for directive in policy.split(';') {
        let mut words = directive.split_ascii_whitespace();
        // A semicolon at the end is allowed.
        let Some(name) = words.next() else { continue };
        let name = name.to_ascii_lowercase();
        if !DIRECTIVES.contains(&name.as_str()) {
            problems.add(header, format!("{name:?} is no directive"));
        }
        if seen.contains(&name) {
            problems.add(header, format!("{name:?} comes twice, and only the first one counts"));
        }
        let values: Vec<_> = words.collect();
        for value in &values {
            if let Err(problem) = check_value(value) {
                problems.add(header, format!("{name}: {value:?} {problem}"));
            }
        }
        if values.len() > 1 && values.iter().any(|value| value.eq_ignore_ascii_case("'none'")) {
            problems.add(header, format!("{name}: 'none' stands alone or is ignored"));
        }
        seen.push(name);
    }
    if seen.is_empty() {
        problems.add(header, "has no directive");
    }
}

fn check_value(value: &str) -> Result<(), &'static str> {
    let bare = value.trim_matches('\'');
    let quoted = value.len() == bare.len() + 2 && value.starts_with('\'') && value.ends_with('\'');
    match (is_keyword(bare), quoted) {
        (true, false) => Err("is a keyword only in single quotes"),
        (false, true) if !matches!(bare, "allow" | "block" | "script") => {
            Err("is in single quotes and no keyword")
        }
        (false, false) if value.contains('\'') => Err("has a stray single quote"),
        _ => Ok(()),
    }
}

fn is_keyword(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    KEYWORDS.contains(&word.as_str())
        || KEYWORD_FAMILIES.iter().any(|family| word.starts_with(family))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::ConfigError;

    fn problems(policy: &str) -> Vec<String> {
        let mut problems = Problems::default();
        check("csp", policy, &mut problems);
        let found = problems.into_result().err();
        found.iter().flat_map(ConfigError::problems).map(ToString::to_string).collect()
    }

    #[test]
    fn h5_a_keyword_without_quotes_is_named() {
        for bare in [
            "self",
            "None",
            "unsafe-inline",
            "nonce-abc",
            "sha256-abc=",
            "'self",
            "self'",
            "''self''",
        ] {
            let found = problems(&format!("default-src {bare}"));
            assert_eq!(found.len(), 1, "{bare}: {found:?}");
            assert!(found[0].contains(bare), "{found:?}");
        }
    }

    #[test]
    fn h5_good_policies_have_no_problem() {
        for policy in [
            "default-src 'self'; script-src 'nonce-abc' 'strict-dynamic' https://self.example;",
            "DEFAULT-SRC 'NONE'; sandbox allow-scripts; upgrade-insecure-requests",
            "img-src * data: https:; require-trusted-types-for 'script'; report-to none-such",
        ] {
            assert_eq!(problems(policy), Vec::<String>::new(), "{policy}");
        }
    }

    #[test]
    fn h5_every_slip_is_found_at_once() {
        let found =
            problems("defualt-src 'self'; img-src 'selfie'; IMG-SRC *; font-src 'none' *, x");
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(problems(" ; ;").len(), 1);
    }

    proptest! {
        #[test]
        fn h5_no_policy_panics(policy in ".{0,200}") {
            problems(&policy);
        }

        #[test]
        fn h5_a_policy_of_hosts_and_quoted_keywords_is_good(
            directives in proptest::sample::subsequence(&DIRECTIVES[..], 1..8),
            hosts in proptest::collection::vec("https://[a-z]{1,8}\\.example", 1..4),
        ) {
            let policy: Vec<_> = directives.iter().map(|name| format!("{name} 'self' {}", hosts.join(" "))).collect();
            prop_assert_eq!(problems(&policy.join("; ")), Vec::<String>::new());
        }
    }
}

//! Which path patterns can stand in a table, beside what the router itself demands of them.

use super::path::screen;

/// The router's own limit; it panics beyond.
const MOST_PARAMETERS: usize = 25;

/// Why no table can hold this pattern, if so.
///
/// Patterns are those of axum 0.8, so what axum refuses is refused here, in the same words where they help.
pub(crate) fn problem_with(pattern: &str) -> Option<String> {
    if !pattern.starts_with('/') {
        return Some("a pattern starts with `/`".into());
    }
    if pattern.split('/').any(|segment| segment.starts_with([':', '*'])) {
        return Some("a parameter is written `{name}`, a rest `{*name}`".into());
    }
    if let Err(ambiguity) = screen(pattern) {
        return Some(format!(
            "holds {ambiguity}, and a path with it is refused before rules are looked up"
        ));
    }
    if pattern.matches('{').count() > MOST_PARAMETERS {
        return Some(format!("has more than {MOST_PARAMETERS} parameters"));
    }
    // Tried alone first, so that a pattern that is none cannot disturb the table.
    if let Err(error) = matchit::Router::new().insert(pattern, ()) {
        return Some(error.to_string());
    }
    let names = parameters(pattern);
    let twice = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
    twice.map(|(_, name)| format!("names the parameter `{name}` twice"))
}

/// The names of the parameters of a pattern that the router accepted.
pub(crate) fn parameters(pattern: &str) -> Vec<&str> {
    pattern.split('/').filter_map(parameter).collect()
}

/// Whether a pattern that the router accepted has parameters.
pub(crate) fn has_parameters(pattern: &str) -> bool {
    pattern.split('/').any(|segment| parameter(segment).is_some())
}

/// The pattern without the names of its parameters: equal for two patterns that match the same paths.
pub(crate) fn shape(pattern: &str) -> String {
    let nameless = |segment: &str| match parameter(segment) {
        Some(name) => format!("{}}}", &segment[..segment.len() - name.len() - 1]),
        None => segment.to_owned(),
    };
    pattern.split('/').map(nameless).collect::<Vec<_>>().join("/")
}

/// The name of the parameter that ends a segment: the router allows one there, and nothing after it.
fn parameter(segment: &str) -> Option<&str> {
    let mut rest = segment;
    while let Some(brace) = rest.find('{') {
        let inside = &rest[brace + 1..];
        if let Some(after_escape) = inside.strip_prefix('{') {
            rest = after_escape;
        } else {
            let name = inside.strip_suffix('}')?;
            return Some(name.strip_prefix('*').unwrap_or(name));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_found_by_name() {
        assert_eq!(parameters("/tenants/{tenant}/orders/{id}"), ["tenant", "id"]);
        assert_eq!(parameters("/files/{*rest}"), ["rest"]);
        assert_eq!(parameters("/v{version}"), ["version"]);
        assert_eq!(parameters("/{{literal}}"), [""; 0]);
        assert_eq!(parameters("/"), [""; 0]);
    }

    #[test]
    fn a_shape_is_what_is_left_without_names() {
        assert_eq!(shape("/tenants/{tenant}/v{n}/{*rest}"), "/tenants/{}/v{}/{*}");
        assert_eq!(shape("/{{a}}/{a}/"), "/{{a}}/{}/");
        assert_eq!(shape("/files/{*}"), "/files/{*}");
    }

    #[test]
    fn a_pattern_that_can_never_match_is_a_problem() {
        for pattern in [
            "",
            "orders",
            "/:id",
            "/*rest",
            "/a//b",
            "/a/../b",
            "/a;b",
            "/a?b",
            "/a b",
            "/{",
            "/{}",
            "/}",
            "/{a}b",
            "/{*rest}/b",
            "/{a}/{a}",
            "/%2e",
            "/gr\u{f6}sse",
        ] {
            assert!(problem_with(pattern).is_some(), "{pattern:?}");
        }
        let wide = "/{a}".repeat(26);
        assert!(problem_with(&wide).is_some());
    }

    #[test]
    fn a_pattern_of_axum_is_no_problem() {
        for pattern in
            ["/", "/orders/{id}", "/files/{*rest}", "/v{version}/a", "/{{literal}}", "/a/"]
        {
            assert_eq!(problem_with(pattern), None, "{pattern:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in any::<String>()) {
            let _ = problem_with(&text);
        }

        #[test]
        fn z13_parameters_are_named_as_the_router_names_them(
            pattern in r"(/(a|b)?(\{[cd]\}|\{e\}|\{f\}|\{\{|\}\}|a)){0,3}(/\{\*[gh]\}|/i)",
        ) {
            prop_assume!(problem_with(&pattern).is_none());
            let mut router = matchit::Router::new();
            router.insert(pattern.as_str(), ()).unwrap();
            // The pattern without its braces is a path that it matches.
            let path = pattern.replace("{{", "\u{1}").replace("}}", "\u{2}");
            let path = path.replace("{*", "").replace(['{', '}'], "").replace('\u{1}', "{").replace('\u{2}', "}");
            let found = router.at(&path);
            prop_assert!(found.is_ok(), "{pattern} does not match {path}");
            let names: Vec<_> = found.unwrap().params.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(names, parameters(&pattern));
        }
    }
}

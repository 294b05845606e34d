//! A principal's identity as one text, for policy engines that name callers by one.

/// The identity of a principal, issuer and subject, as one text: `https://issuer.example|ada`.
///
/// No two identities have the same text. In the issuer `|` is written `%7C`, and `%` is written `%25`; so the first `|` is
/// the one in between, whatever the subject says.
///
/// ```
/// use tower_warden::authz::caller_id;
///
/// assert_eq!(caller_id("https://issuer.example", "ada"), "https://issuer.example|ada");
/// assert_ne!(caller_id("keys", "of|ada"), caller_id("keys|of", "ada"));
/// ```
#[must_use]
pub fn caller_id(issuer: &str, subject: &str) -> String {
    let mut text = String::with_capacity(issuer.len() + 1 + subject.len());
    push_escaped(&mut text, issuer);
    text.push('|');
    text.push_str(subject);
    text
}

/// Writes a text so that it has no `|`.
pub(super) fn push_escaped(text: &mut String, part: &str) {
    for character in part.chars() {
        match character {
            '%' => text.push_str("%25"),
            '|' => text.push_str("%7C"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_identities_never_have_one_text(a in "[a|%7C]{0,6}", b in "[a|%7C]{0,6}", c in "[a|%7C]{0,6}", d in "[a|%7C]{0,6}") {
            prop_assert_eq!(caller_id(&a, &b) == caller_id(&c, &d), (a, b) == (c, d));
        }

        #[test]
        fn the_parts_can_be_told_apart_again(issuer in ".*", subject in ".*") {
            let text = caller_id(&issuer, &subject);
            let (before, after) = text.split_once('|').unwrap();
            prop_assert_eq!(before.replace("%7C", "|").replace("%25", "%"), issuer);
            prop_assert_eq!(after, subject);
        }
    }
}

use std::fmt;

use super::json::Value;

/// What stands in the place of everything that is not shown.
const STARS: &str = "***";

/// The fewest digits of a card number, of which four may be shown (ISO/IEC 7812-1).
const FEWEST_DIGITS: usize = 12;

/// Of a shorter mailbox name the first character would be too much.
const SHORTEST_NAME: usize = 3;

/// The longest host name (RFC 1035 2.3.4).
const LONGEST_DOMAIN: usize = 253;

/// How a value is shown to those who may know that it is there, and little more.
///
/// A value that is not what the mask is for, such as a number or a text without `@`, is masked as a whole. Every masked
/// value is a string with `***` in it, whose length tells nothing of what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mask {
    /// `j***@example.com`: the first character, where at least three stand before the `@`, and the domain.
    Email,
    /// `***1111`: the last four digits of a number of at least twelve, written with spaces or hyphens or without (PCI DSS
    /// 4.0 3.4.1).
    LastFour,
    /// `***`, whatever the value is: also of `null`.
    Whole,
}

impl Mask {
    /// The masked value, without quotes.
    pub(super) fn apply(self, value: Value<'_>) -> String {
        let text = value.text();
        let masked = text.and_then(|text| match self {
            Self::Email => email(&text),
            Self::LastFour => last_four(&text),
            Self::Whole => None,
        });
        masked.unwrap_or_else(|| STARS.to_owned())
    }
}

fn email(text: &str) -> Option<String> {
    // The first one: what stands behind a second is no domain, for it holds an `@`.
    let (name, domain) = text.split_once('@')?;
    let of_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    let is_domain =
        !domain.is_empty() && domain.len() <= LONGEST_DOMAIN && domain.chars().all(of_domain);
    let first = name.chars().next().filter(|c| c.is_alphanumeric());
    let shown = first.filter(|_| name.chars().count() >= SHORTEST_NAME);
    is_domain.then(|| format!("{}{STARS}@{domain}", shown.map_or(String::new(), String::from)))
}

fn last_four(text: &str) -> Option<String> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (is_number && digits.len() >= FEWEST_DIGITS)
        .then(|| format!("{STARS}{}", &digits[digits.len() - 4..]))
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "email",
            Self::LastFour => "last four",
            Self::Whole => "whole",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::json::Document;
    use super::*;

    fn masked(mask: Mask, json: &str) -> String {
        mask.apply(Document::read(json.as_bytes()).unwrap().root())
    }

    #[test]
    fn z11_a_mask_shows_no_more_than_it_says() {
        for (mask, json, expected) in [
            (Mask::Email, r#""jane@example.com""#, "j***@example.com"),
            (Mask::Email, r#""\u006aane@example.com""#, "j***@example.com"),
            (Mask::Email, r#""\u00e9lan@b\u00fccher.example""#, "\u{e9}***@b\u{fc}cher.example"),
            (Mask::Email, r#""jo@example.com""#, "***@example.com"),
            (Mask::Email, r#""j@example.com""#, "***@example.com"),
            (Mask::Email, r#""@example.com""#, "***@example.com"),
            (Mask::Email, r#""\"ann a\"@example.com""#, "***@example.com"),
            (
                Mask::Email,
                r#""\ud83e\udd80\ud83e\udd80\ud83e\udd80@example.com""#,
                "***@example.com",
            ),
            (Mask::Email, r#""jane@secret@example.com""#, "***"),
            (Mask::Email, r#""jane@""#, "***"),
            (Mask::Email, r#""jane@example.com, +1 555 0100""#, "***"),
            (Mask::Email, r#""0170 1234567""#, "***"),
            (Mask::Email, r#""""#, "***"),
            (Mask::Email, "7", "***"),
            (Mask::Email, r#"["jane@example.com"]"#, "***"),
            (Mask::Email, r#""\ud83e@example.com""#, "***"),
            (Mask::LastFour, r#""4111111111111111""#, "***1111"),
            (Mask::LastFour, r#""4111 1111-1111 1234""#, "***1234"),
            (Mask::LastFour, r#""411111111234""#, "***1234"),
            (Mask::LastFour, r#""41111111123""#, "***"),
            (Mask::LastFour, r#""1234""#, "***"),
            (Mask::LastFour, r#""12""#, "***"),
            (Mask::LastFour, r#""DE02 1203 0000 0000 2020 51""#, "***"),
            (
                Mask::LastFour,
                r#""\u0664\u0664\u0664\u0664\u0664\u0664\u0664\u0664\u0664\u0664\u0664\u0664""#,
                "***",
            ),
            (Mask::LastFour, "4111111111111111", "***"),
            (Mask::Whole, r#""4111111111111111""#, "***"),
            (Mask::Whole, "null", "***"),
            (Mask::Whole, "true", "***"),
            (Mask::Whole, r#"{"a":1}"#, "***"),
        ] {
            assert_eq!(masked(mask, json), expected, "{mask:?} {json}");
        }
    }

    proptest! {
        #[test]
        fn z11_no_text_is_shown_beyond_the_mask(text in r"[a-z0-9 @.é🦀-]{0,24}|[0-9 -]{0,30}|\PC{0,12}@[a-z.]{1,9}") {
            let json = serde_json::to_string(&text).unwrap();
            let email = masked(Mask::Email, &json);
            let (before, after) = email.split_once(STARS).unwrap();
            prop_assert!(before.chars().count() <= 1);
            prop_assert!(after.is_empty() || text.ends_with(after) && after.starts_with('@'), "{}", email);
            let digits = masked(Mask::LastFour, &json);
            let shown = digits.strip_prefix(STARS).unwrap();
            prop_assert!(shown.is_empty() || shown.len() == 4 && text.len() >= FEWEST_DIGITS);
            prop_assert_eq!(masked(Mask::Whole, &json), STARS);
        }
    }
}

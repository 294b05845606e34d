use std::borrow::Cow;
use std::ops::Range;

use super::repeated;
use super::scanner::{Malformed, Scanner};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::authz::property) enum Kind {
    Array,
    Bool,
    /// A string with at least one escape.
    EscapedText,
    Null,
    Number,
    Object,
    /// A string that means what it shows.
    Text,
}

/// One value or member name. Those of an object or array follow it, names and values in turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    start: u32,
    end: u32,
    /// The node behind everything that belongs to this one.
    next: u32,
    pub(super) kind: Kind,
}

/// Positions fit: [`Document::read`] refuses longer texts, and no text has more nodes than bytes.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
impl Node {
    pub(super) const fn new(kind: Kind, start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32, next: 0, kind }
    }

    pub(super) const fn close(&mut self, end: usize, next: usize) {
        self.end = end as u32;
        self.next = next as u32;
    }
}

/// A JSON text and where its values stand: 16 bytes for each value and name.
#[derive(Debug)]
pub(in crate::authz::property) struct Document<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    has_lone_surrogate: bool,
}

impl<'t> Document<'t> {
    /// Reads one value and nothing behind it. A byte order mark is no JSON.
    pub(in crate::authz::property) fn read(bytes: &'t [u8]) -> Result<Self, Malformed> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Utf8)?;
        let mut scanner = Scanner::new(text);
        scanner.run()?;
        let Scanner { nodes, has_lone_surrogate, .. } = scanner;
        Ok(Self { text, nodes, has_lone_surrogate })
    }

    pub(in crate::authz::property) fn root(&self) -> Value<'_> {
        Value { document: self, at: 0 }
    }

    pub(in crate::authz::property) const fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    /// Whether some string holds half of a surrogate pair, which readers replace, refuse or keep.
    pub(in crate::authz::property) const fn has_lone_surrogate(&self) -> bool {
        self.has_lone_surrogate
    }

    /// Whether some object has two members of one name, however they are spelled.
    pub(in crate::authz::property) fn has_repeated_name(&self) -> bool {
        let objects = (0..self.nodes.len()).filter(|at| self.nodes[*at].kind == Kind::Object);
        let mut names = Vec::new();
        objects.map(|at| Value { document: self, at }).any(|object| {
            names.clear();
            names.extend(object.members().map(|(name, _)| name.text().unwrap_or_default()));
            repeated::has_repeated(&mut names)
        })
    }
}

/// A value, or the name of a member.
#[derive(Clone, Copy, Debug)]
pub(in crate::authz::property) struct Value<'d> {
    document: &'d Document<'d>,
    at: usize,
}

impl<'d> Value<'d> {
    fn node(self) -> Node {
        self.document.nodes[self.at]
    }

    pub(in crate::authz::property) fn kind(self) -> Kind {
        self.node().kind
    }

    /// Where the value stands in the text, in bytes.
    pub(in crate::authz::property) fn range(self) -> Range<usize> {
        self.node().start as usize..self.node().end as usize
    }

    /// The string, without its quotes and escapes; `None` for anything else, and where half of a surrogate pair has no
    /// meaning.
    pub(in crate::authz::property) fn text(self) -> Option<Cow<'d, str>> {
        let Range { start, end } = self.range();
        match self.kind() {
            Kind::Text => Some(Cow::Borrowed(&self.document.text[start + 1..end - 1])),
            Kind::EscapedText => {
                serde_json::from_str(&self.document.text[start..end]).ok().map(Cow::Owned)
            }
            _ => None,
        }
    }

    /// Names and values of an object; of anything else, none.
    pub(in crate::authz::property) fn members(self) -> impl Iterator<Item = (Self, Self)> {
        let mut inside = self.inside(Kind::Object);
        std::iter::from_fn(move || Some((inside.next()?, inside.next()?)))
    }

    /// The items of an array; of anything else, none.
    pub(in crate::authz::property) fn items(self) -> impl Iterator<Item = Self> {
        self.inside(Kind::Array)
    }

    /// Whether there is an object in the value, or it is one.
    pub(in crate::authz::property) fn holds_object(self) -> bool {
        let Node { next, .. } = self.node();
        self.document.nodes[self.at..next as usize].iter().any(|node| node.kind == Kind::Object)
    }

    fn inside(self, kind: Kind) -> Inside<'d> {
        let end = if self.kind() == kind { self.node().next as usize } else { 0 };
        Inside { document: self.document, at: self.at + 1, end }
    }
}

struct Inside<'d> {
    document: &'d Document<'d>,
    at: usize,
    end: usize,
}

impl<'d> Iterator for Inside<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        if self.at >= self.end {
            return None;
        }
        let value = Value { document: self.document, at: self.at };
        self.at = value.node().next as usize;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::MAX_DEPTH;
    use super::*;

    #[test]
    fn only_one_value_of_the_grammar_is_read() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\":2}",
            "{1:2}",
            "[1 2]",
            "[1}",
            "{\"a\":1]",
            "{} {}",
            "{}x",
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "1e",
            "1e+",
            "0x1",
            "NaN",
            "Infinity",
            "tru",
            "truE",
            "nul",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "\"\t\"",
            "\"\u{0}\"",
            "'a'",
            "\u{feff}{}",
            "// a\n{}",
            "\u{a0}1",
        ] {
            assert!(Document::read(text.as_bytes()).is_err(), "{text:?}");
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_err(), "{text:?}");
        }
        for bytes in [&b"\"\xff\""[..], b"\xef\xbb\xbf{}", b"\"\xed\xa0\x80\"", b"\"\xc0\xaf\""] {
            assert!(Document::read(bytes).is_err(), "{bytes:?}");
        }
        for text in [
            " {} ",
            "\r\n[ ]\t",
            "-0.0e-0",
            "1E400",
            "\"\u{7f}\u{2028}\"",
            "[[],{},null,true,false,\"\"]",
        ] {
            assert!(Document::read(text.as_bytes()).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn nesting_is_bounded_without_a_deep_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Document::read(nested(MAX_DEPTH).as_bytes()).is_ok());
        for depth in [MAX_DEPTH + 1, 1_000_000] {
            assert_eq!(Document::read(nested(depth).as_bytes()).unwrap_err(), Malformed::Depth);
        }
    }

    #[test]
    fn halves_of_surrogate_pairs_are_noticed_and_have_no_text() {
        let read = |text: &'static str| {
            let document = Document::read(text.as_bytes()).unwrap();
            (document.has_lone_surrogate(), document.root().text().map(Cow::into_owned))
        };
        assert_eq!(read(r#""\ud83e\udd80""#), (false, Some("\u{1f980}".to_owned())));
        for text in
            [r#""\ud83e""#, r#""\ud83ex""#, r#""\udd80""#, r#""\udd80\ud83e""#, r#""\ud83e\u0041""#]
        {
            assert_eq!(read(text), (true, None), "{text}");
        }
    }

    #[test]
    fn z12_repeated_names_are_found_however_they_are_spelled() {
        let many = |last: &str| {
            let names: String = (0..100).map(|number| format!("\"m{number}\":0,")).collect();
            format!("{{{names}{last}:0}}")
        };
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":0,"\u0061":2}"#,
            r#"[{"x":[{"b":1,"b":2}]}]"#,
            &many("\"m7\""),
            &many(r#""\u006d7""#),
        ] {
            assert!(Document::read(text.as_bytes()).unwrap().has_repeated_name(), "{text}");
        }
        for text in [r#"{"a":{"a":[{"a":1},{"a":1}]},"A":0}"#, &many("\"m100\""), "[1,1]", "{}"] {
            assert!(!Document::read(text.as_bytes()).unwrap().has_repeated_name(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = Document::read(&bytes);
        }

        /// What looks like JSON is read here when serde_json reads it, and otherwise not.
        #[test]
        fn what_serde_json_reads_is_read(text in r#"([\[\]{},: \n]|"a"|"(\\["\\/bfnrtu]|[0-9a-f]{4}|\\u00[0-9a-f]{2}|\t|.){0,6}"|-?(0|[1-9][0-9]{0,3})(\.[0-9]{0,2})?([eE][+-]?[0-9]?)?|true|null|fals){0,24}"#) {
            let here = Document::read(text.as_bytes());
            let there = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert_eq!(here.is_ok(), there.is_ok(), "{} {:?}", text, here);
        }

        #[test]
        fn strings_are_what_serde_json_makes_of_them(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let document = Document::read(written.as_bytes()).unwrap();
            let read = document.root().text();
            prop_assert_eq!(read.as_deref(), Some(&*text));
        }
    }
}

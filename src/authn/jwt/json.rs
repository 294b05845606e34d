//! JSON objects as tokens must have them: unique member names, bounded depth (RFC 7515 4, RFC 8725 2.4).
//!
//! What is read borrows from the text: most of what a token says is looked at once and never copied.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest.
const MAX_DEPTH: u8 = 16;

/// Up to so many names are compared each with each; more are sorted first.
const FEW: usize = 16;

/// What serde_json calls the one member of the object that it makes of a number with a fraction or beyond 64 bits, with its
/// feature `arbitrary_precision`.
const PRECISE_NUMBER: &str = "$serde_json::private::Number";

/// Whether that feature is on. Anything in the build of a service may turn it on, for everybody in it.
static NUMBERS_ARE_PRECISE: LazyLock<bool> = LazyLock::new(|| {
    let number = serde_json::Deserializer::from_str("1.5").deserialize_any(IsObject);
    number.is_ok_and(|is_object| is_object)
});

/// Reads an object; refuses a repeated member name at any depth, too deep nesting, and anything after the object.
pub(in crate::authn) fn members(text: &[u8]) -> Result<Members<'_>, serde_json::Error> {
    // All of it at once: what is read piece by piece is cheaper to read as text than as bytes.
    let text = std::str::from_utf8(text).map_err(|_| serde_json::Error::custom("not UTF-8"))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth_left: MAX_DEPTH }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    match value {
        Json::Object(members) => Ok(members),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// The same as a map of its own.
pub(in crate::authn) fn object(text: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    members(text).map(Members::into_map)
}

/// An object's members, with unique names.
#[derive(Debug, Default)]
pub(in crate::authn) struct Members<'t>(Vec<(Cow<'t, str>, Json<'t>)>);

/// A value whose objects have unique member names.
#[derive(Debug)]
pub(in crate::authn) enum Json<'t> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'t, str>),
    Array(Vec<Self>),
    Object(Members<'t>),
}

impl<'t> Members<'t> {
    pub(in crate::authn) fn get(&self, name: &str) -> Option<&Json<'t>> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    pub(in crate::authn) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(in crate::authn) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'t>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    pub(in crate::authn) fn into_map(self) -> Map<String, Value> {
        self.0.into_iter().map(|(name, value)| (name.into_owned(), value.into_value())).collect()
    }

    fn has_repeated_name(&self) -> bool {
        let Self(members) = self;
        if members.len() <= FEW {
            let repeats = |(at, (name, _)): (usize, &(Cow<'_, str>, _))| {
                members[..at].iter().any(|(earlier, _)| earlier == name)
            };
            return members.iter().enumerate().any(repeats);
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// Members of a map, which has unique names by itself.
impl<'t> From<&'t Map<String, Value>> for Members<'t> {
    fn from(map: &'t Map<String, Value>) -> Self {
        Self(map.iter().map(|(name, value)| (Cow::Borrowed(&**name), value.into())).collect())
    }
}

impl<'t> From<&'t Value> for Json<'t> {
    fn from(value: &'t Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(members.into()),
        }
    }
}

impl<'t> Json<'t> {
    pub(in crate::authn) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(in crate::authn) fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { number.as_f64() } else { None }
    }

    pub(in crate::authn) const fn as_object(&self) -> Option<&Members<'t>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Array(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(members) => Value::Object(members.into_map()),
        }
    }
}

/// Reads a value.
#[derive(Clone, Copy)]
pub(super) struct Strict {
    depth_left: u8,
}

impl Strict {
    /// A value of an object's member.
    pub(super) const fn member() -> Self {
        Self { depth_left: MAX_DEPTH - 1 }
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left =
            self.depth_left.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value with unique member names")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let deeper = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let deeper = self.deeper()?;
        // Only the outermost object has so many members as a rule. A text can hold thousands of small ones.
        let is_outermost = self.depth_left == MAX_DEPTH;
        let mut object = if is_outermost { Vec::with_capacity(FEW) } else { Vec::new() };
        while let Some(Name(name)) = members.next_key()? {
            let value = members.next_value_seed(deeper)?;
            if name == PRECISE_NUMBER && object.is_empty() && *NUMBERS_ARE_PRECISE {
                return number(&value);
            }
            object.push((name, value));
        }
        let object = Members(object);
        if object.has_repeated_name() {
            return Err(A::Error::custom("a member name is repeated"));
        }
        Ok(Json::Object(object))
    }
}

/// The number that stands in the object's one member.
fn number<'de, E: Error>(text: &Json<'de>) -> Result<Json<'de>, E> {
    let number = text.as_str().and_then(|text| text.parse::<Number>().ok());
    // The same numbers as without the feature: none that is infinite.
    let finite = number.filter(|number| number.as_f64().is_some_and(f64::is_finite));
    finite.map(Json::Number).ok_or_else(|| E::custom("not a finite number"))
}

/// Whether a value is read as an object.
struct IsObject;

impl<'de> Visitor<'de> for IsObject {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<bool, A::Error> {
        Ok(true)
    }
}

/// A member's name or another string, borrowed where it holds no escapes.
pub(super) struct Name<'de>(pub(super) Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn j6_repeated_member_names_are_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(object(text.as_bytes()).is_err(), "{text}");
        }
        assert!(object(br#"{"a":{"a":[{"a":1},{"a":1}]}}"#).is_ok());
    }

    #[test]
    fn j6_repeated_member_names_are_found_among_many() {
        let of = |names: &[usize]| {
            let members: Vec<_> = names.iter().map(|name| format!("\"m{name}\":0")).collect();
            object(format!("{{{}}}", members.join(",")).as_bytes())
        };
        for count in [2, FEW - 1, FEW, FEW + 1, 1000] {
            let mut names: Vec<_> = (0..count).collect();
            assert!(of(&names).is_ok(), "{count}");
            names.push(count / 2);
            assert!(of(&names).is_err(), "{count}");
        }
    }

    #[test]
    fn j6_nesting_is_bounded() {
        let nested =
            |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(usize::from(MAX_DEPTH) - 1).as_bytes()).is_ok());
        assert!(object(nested(usize::from(MAX_DEPTH)).as_bytes()).is_err());
        assert!(object(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn j6_only_one_utf8_object_is_read() {
        for text in [
            &b"[]"[..],
            b"1",
            b"",
            b"{}{}",
            b"{} x",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1e999}",
        ] {
            assert!(object(text).is_err(), "{text:?}");
        }
        assert!(object(b" {} ").is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_parse_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = object(&bytes);
        }

        #[test]
        fn objects_survive_a_round_trip(members in proptest::collection::btree_map(".{0,8}", any::<i64>(), 0..9)) {
            let text = serde_json::to_string(&members).unwrap();
            let read = object(text.as_bytes()).unwrap();
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}

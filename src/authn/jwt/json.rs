//! JSON objects as tokens must have them: unique member names, bounded depth (RFC 7515 4, RFC 8725 2.4).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest.
const MAX_DEPTH: u8 = 16;

/// Reads an object; refuses a repeated member name at any depth, too deep nesting, and anything after the object.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth_left: MAX_DEPTH }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// A value whose objects have unique member names.
#[derive(Clone, Copy)]
struct Strict {
    depth_left: u8,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left =
            self.depth_left.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value with unique member names")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(deeper)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member name is repeated"));
            }
        }
        Ok(Value::Object(object))
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

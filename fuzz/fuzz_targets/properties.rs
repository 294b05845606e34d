//! Any bytes as an answer to filter and as a body to accept: what is JSON is what serde_json says is JSON, and nothing
//! that is not declared leaves or comes in.
#![no_main]

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use tower_warden::authz::property::{
    AcceptError, DisclosureError, Field, Mask, Owner, Properties, Who, Write,
};
use tower_warden::principal::{Principal, PrincipalKind};

const DEEPEST: usize = 64;
const READABLE: [&str; 4] = ["a", "b", "l", "o"];

/// `b` is masked for all but its owner, `c` is nobody's, `l` holds objects of one readable field.
static DECLARED: LazyLock<Properties> = LazyLock::new(|| {
    let everybody = Who::everybody;
    let inside = Properties::builder("Inside")
        .part_of_the_object_around()
        .field(Field::new("a").read(everybody()).write(everybody()))
        .field(Field::new("c").read(Who::nobody()));
    Properties::builder("Declared")
        .owner(Owner::subject("i", "o"))
        .field(Field::new("a").read(everybody()).write(everybody()))
        .field(Field::new("b").read(Who::owner()).masked(Mask::Whole, everybody()))
        .field(Field::new("c").read(Who::nobody()))
        .field(
            Field::new("l").read(everybody()).write(everybody()).object(&inside.build().unwrap()),
        )
        .field(Field::new("o").read(everybody()))
        .build()
        .unwrap()
});

/// One field that may hold anything: only what is no JSON is refused.
static ANYTHING: LazyLock<Properties> = LazyLock::new(|| {
    let anything = Field::new("a").read(Who::everybody()).write(Who::everybody()).anything();
    Properties::builder("Anything").field(anything).build().unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let text = std::str::from_utf8(bytes).ok();
    let is_json = text.is_some_and(|text| {
        serde_json::from_str::<IgnoredAny>(text).is_ok() && depth(text) <= DEEPEST
    });
    let ada = Principal::builder("i", "ada", PrincipalKind::User, "Bearer").build();
    for caller in [None, Some(&ada)] {
        for declared in [&*DECLARED, &*ANYTHING] {
            match declared.disclose_json(caller, bytes) {
                Err(error) => {
                    let not_json = matches!(error, DisclosureError::NotJson(_));
                    assert_eq!(not_json, !is_json, "{error}");
                }
                Ok(seen) => {
                    assert!(is_json);
                    let seen_text = std::str::from_utf8(&seen).unwrap();
                    serde_json::from_str::<IgnoredAny>(seen_text).unwrap();
                    // Filtered once more, there is nothing left to leave out.
                    assert_eq!(*declared.disclose_json(caller, &seen).unwrap(), *seen);
                }
            }
        }
        if let Ok(seen) = DECLARED.disclose_json(caller, bytes)
            && let Ok(value) = serde_json::from_slice::<Value>(&seen)
        {
            assert!(holds_only(&value, &READABLE), "{value}");
            assert!(caller.is_some() || masked(&value), "{value}");
        }
    }
    match ANYTHING.accept(None, Write::Create, bytes) {
        Ok(()) => {
            // Every reader of a text that is accepted reads the same.
            let names = serde_json::from_slice::<Strict>(bytes).unwrap();
            assert!(names.0.iter().all(|name| name == "a"), "{:?}", names.0);
        }
        Err(AcceptError::NotJson(why)) => assert!(!is_json, "{why}"),
        Err(_) => assert!(is_json),
    }
    if DECLARED.accept(None, Write::Create, bytes).is_ok() {
        // Numbers that no float holds are JSON, and no `Value`.
        if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
            assert!(value.is_object() && holds_only(&value, &["a", "l"]), "{value}");
        }
    }
});

/// How deep objects and arrays nest in what is JSON.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => now += 1,
            b'}' | b']' if !quoted => now -= 1,
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

fn holds_only(value: &Value, names: &[&str]) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| holds_only(item, names)),
        Value::Object(members) => members.iter().all(|(name, value)| {
            let fits = if name == "l" { holds_only(value, &["a"]) } else { holds_no_object(value) };
            names.contains(&&**name) && fits
        }),
        other => other.is_null(),
    }
}

fn holds_no_object(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(holds_no_object),
        other => !other.is_object(),
    }
}

/// Whether `b` is masked wherever it is.
fn masked(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(masked),
        other => other.get("b").is_none_or(|b| b == "***"),
    }
}

/// The names of an object in which, at any depth, none comes twice.
struct Strict(BTreeSet<String>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or array")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    inside(value).map_err(A::Error::custom)?;
                    if !names.insert(name) {
                        return Err(A::Error::custom("a name comes twice"));
                    }
                }
                Ok(Strict(names))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
                while let Some(value) = items.next_element::<&'de RawValue>()? {
                    inside(value).map_err(A::Error::custom)?;
                }
                Ok(Strict(BTreeSet::new()))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

fn inside(value: &RawValue) -> serde_json::Result<()> {
    match value.get().as_bytes().first() {
        Some(b'{' | b'[') => serde_json::from_str::<Strict>(value.get()).map(drop),
        Some(b'"') => serde_json::from_str::<String>(value.get()).map(drop),
        _ => Ok(()),
    }
}

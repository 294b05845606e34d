//! What holds of any JSON.

use proptest::prelude::*;
use serde_json::Value;
use tower_warden::authz::property::{Field, Mask, Owner, Properties, Who, Write};

use super::{ISSUER, ada};

fn inside_of_quotes(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON texts with fields by the names that the declarations have, and others; spaced and escaped in several ways.
fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u0061da""#.to_owned()),
    ];
    let name = prop_oneof![
        "[abclo]",
        Just("\\u0061".to_owned()),
        Just("A".to_owned()),
        "[abclo]{2}",
        any::<String>().prop_map(|text| inside_of_quotes(&text)),
    ];
    scalar.prop_recursive(5, 60, 6, move |inner| {
        let member = (name.clone(), inner.clone(), "[ \n]{0,2}")
            .prop_map(|(name, value, space)| format!("{space}\"{name}\"{space}:{value}{space}"));
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(" ,"))),
            proptest::collection::vec(member, 0..7)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn inside() -> Properties {
    Properties::builder("Inside")
        .part_of_the_object_around()
        .field(Field::new("a").read(Who::everybody()).write(Who::everybody()))
        .field(Field::new("b").read(Who::owner()))
        .build()
        .unwrap()
}

fn declared() -> Properties {
    Properties::builder("Declared")
        .owner(Owner::subject(ISSUER, "o"))
        .field(Field::new("a").read(Who::everybody()).write(Who::everybody()))
        .field(Field::new("b").read(Who::owner()).masked(Mask::Whole, Who::everybody()))
        .field(Field::new("c").read(Who::scope("c")).write(Who::scope("c")))
        .field(Field::new("l").read(Who::everybody()).write(Who::everybody()).object(&inside()))
        .field(Field::new("o").read(Who::everybody()))
        .build()
        .unwrap()
}

/// Whether a filtered object holds nothing else than `names`.
fn holds_only(value: &Value, names: &[&str], inside: &[&str]) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| holds_only(item, names, inside)),
        Value::Object(members) => members.iter().all(|(name, value)| {
            let of_list = || {
                if name == "l" {
                    holds_only(value, inside, &[])
                } else {
                    !value.to_string().contains('{') || value.is_string() || value.is_array()
                }
            };
            names.contains(&&**name) && of_list()
        }),
        other => other.is_null(),
    }
}

proptest! {
    #[test]
    fn z11_nothing_undeclared_is_ever_shown(text in json()) {
        // serde_json refuses some texts that are JSON, such as numbers that no float holds.
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
        for caller in [None, Some(ada())] {
            if let Ok(seen) = declared().disclose_json(caller.as_ref(), text.as_bytes()) {
                prop_assert!(seen.len() <= text.len() + 5 * text.matches(':').count());
                if let Some(value) = read(&seen) {
                    prop_assert!(holds_only(&value, &["a", "b", "l", "o"], &["a", "b"]), "{} -> {}", text, value);
                } else {
                    prop_assert!(read(text.as_bytes()).is_none(), "{} -> {:?}", text, seen);
                }
                // What was filtered once is not filtered again, but for values that are masked again.
                let twice = declared().disclose_json(caller.as_ref(), &seen).unwrap();
                prop_assert_eq!(&*twice, &*seen);
            }
        }
    }

    #[test]
    fn z11_who_may_see_everything_gets_the_very_text(text in json(), names in proptest::collection::vec("[abclo]{1,2}|A", 0..40)) {
        let document = format!("{{\"a\":{text}}}");
        let all = Properties::builder("All").field(Field::new("a").read(Who::everybody()).anything()).build().unwrap();
        prop_assert_eq!(&*all.disclose_json(None, document.as_bytes()).unwrap(), document.as_bytes());
        // And of many, those that stay keep their order and their values.
        let list: Vec<String> = names.iter().enumerate().map(|(index, name)| format!("\"{name}{index}\":{index}.0")).collect();
        let shown = |member: &str| member.starts_with("\"a");
        let kept: Vec<&str> = list.iter().map(String::as_str).filter(|member| shown(member)).collect();
        let wide = names.iter().enumerate().filter(|(_, name)| name.starts_with('a'));
        let wide = wide.fold(Properties::builder("Wide").field(Field::new("?")), |wide, (index, name)| {
            wide.field(Field::new(&format!("{name}{index}")).read(Who::everybody()))
        });
        let seen = wide.build().unwrap().disclose_json(None, format!("{{{}}}", list.join(",")).as_bytes()).unwrap().into_owned();
        prop_assert_eq!(String::from_utf8(seen).unwrap(), format!("{{{}}}", kept.join(",")));
    }

    #[test]
    fn z12_what_is_accepted_holds_only_fields_that_may_be_written(text in json()) {
        if declared().accept(None, Write::Create, text.as_bytes()).is_ok()
            && let Ok(value) = serde_json::from_str::<Value>(&text)
        {
            prop_assert!(value.is_object() && holds_only(&value, &["a", "l"], &["a"]), "{}", value);
        }
    }

    #[test]
    fn z11_z12_any_bytes_are_judged_without_panic(bytes in any::<Vec<u8>>()) {
        let _ = declared().disclose_json(&ada(), &bytes);
        let _ = declared().accept(&ada(), Write::Create, &bytes);
        let _ = declared().accept_change(&ada(), &"x", &bytes);
    }
}

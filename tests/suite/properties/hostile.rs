//! Bodies made to break or to mislead whoever reads them.

use tower_warden::authz::property::{AcceptError, DisclosureError, Field, Properties, Who, Write};

use super::{ada, order};

/// Everybody may do everything with two fields, one of which may hold anything.
fn open() -> Properties {
    Properties::builder("Open")
        .field(Field::new("a").read(Who::everybody()).write(Who::everybody()))
        .field(Field::new("x").read(Who::everybody()).write(Who::everybody()).anything())
        .body_limit(32 << 20)
        .build()
        .unwrap()
}

#[test]
fn z11_z12_deep_nesting_is_refused_and_overflows_no_stack() {
    for (start, end) in [("[", "]"), (r#"{"x":"#, "}"), (r#"[{"x":"#, "}]")] {
        let body = format!(r#"{{"x":{}1{}}}"#, start.repeat(500_000), end.repeat(500_000));
        let accepted = open().accept(None, Write::Create, body.as_bytes());
        assert!(matches!(accepted, Err(AcceptError::NotJson(_))));
        let unclosed = start.repeat(1_000_000);
        let disclosed = open().disclose_json(None, unclosed.as_bytes());
        assert!(matches!(disclosed, Err(DisclosureError::NotJson(_))));
    }
}

#[test]
fn z11_z12_ten_megabytes_are_read_or_refused_by_their_limit() {
    let text = format!(r#"{{"a":"{}","b":[{}0]}}"#, "x".repeat(5 << 20), "0,".repeat(5 << 19));
    assert!(matches!(
        order().accept(&ada(), Write::Create, text.as_bytes()),
        Err(AcceptError::TooLarge)
    ));
    assert!(matches!(
        open().accept(None, Write::Create, text.as_bytes()),
        Err(AcceptError::FieldsRefused(_))
    ));
    let seen = open().disclose_json(None, text.as_bytes()).unwrap();
    assert_eq!(seen.len(), (5 << 20) + 8);
}

#[test]
fn z12_a_hundred_thousand_names_are_compared_in_one_body() {
    let names = |last: &str| {
        let names: String = (0..100_000).map(|number| format!("\"m{number}\":0,")).collect();
        format!(r#"{{"x":{{{names}"{last}":0}}}}"#)
    };
    assert!(open().accept(None, Write::Create, names("last").as_bytes()).is_ok());
    let repeated = open().accept(None, Write::Create, names("m500").as_bytes());
    assert!(matches!(repeated, Err(AcceptError::RepeatedName)));
}

#[test]
fn z11_huge_numbers_are_text_like_any_other() {
    let digits = "9".repeat(100_000);
    let text = format!(r#"{{"a":[{digits},-{digits}.{digits}e-{digits}]}}"#);
    assert_eq!(&*open().disclose_json(None, text.as_bytes()).unwrap(), text.as_bytes());
    assert!(open().accept(None, Write::Create, text.as_bytes()).is_ok());
    // What the numbers mean is for the type to say.
    let read = open().of::<serde_json::Map<String, serde_json::Value>>();
    assert!(read.accept(None, Write::Create, br#"{"a":1e999}"#).is_err());
}

#[test]
fn z11_what_is_no_json_is_not_let_through() {
    for bytes in [
        &b""[..],
        b"\xef\xbb\xbf{\"a\":1}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":1}{\"secret\":1}",
        b"{\"a\":1}\0",
        b"{\"a\":1} // secret",
        b"{\"a\":1,}",
        b"{\"a\":NaN}",
        b"{\"a\":\"\n\"}",
        b")]}',\n{\"a\":1}",
        b"{\"a\":1",
    ] {
        assert!(
            matches!(open().disclose_json(None, bytes), Err(DisclosureError::NotJson(_))),
            "{bytes:?}"
        );
        assert!(
            matches!(open().accept(None, Write::Create, bytes), Err(AcceptError::NotJson(_))),
            "{bytes:?}"
        );
    }
}

#[test]
fn z11_names_with_half_of_a_surrogate_pair_are_hidden() {
    let seen = open().disclose_json(None, br#"{"\ud83e":1,"a":"\ud83e","\udd80a":2}"#).unwrap();
    assert_eq!(&*seen, br#"{"a":"\ud83e"}"#);
}

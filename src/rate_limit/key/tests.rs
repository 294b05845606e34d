use futures_util::FutureExt;
use http::Request;
use proptest::prelude::*;

use super::*;

fn head(lines: &[(&str, &[u8])]) -> request::Parts {
    let mut request = Request::builder();
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn bytes(key: &Key, head: &request::Parts) -> KeyBytes {
    let mut bytes = KeyBytes::new();
    match key.write(head, None, &mut bytes).unwrap() {
        Found::Caller => bytes,
        Found::Nobody => panic!("nobody"),
        Found::Later(found) => {
            assert!(bytes.is_empty());
            found.now_or_never().unwrap().unwrap()
        }
    }
}

fn principal(issuer: &str, subject: &str, kind: PrincipalKind) -> request::Parts {
    let ada = Principal::builder(issuer, subject, kind, "ApiKey").client_id("c").build();
    let mut head = head(&[]);
    head.extensions.insert(ada);
    head
}

#[test]
fn q10_lines_of_a_field_are_one_value_and_none_is_none() {
    let key = Key::header("x-k");
    let of = |lines: &[&[u8]]| {
        bytes(&key, &head(&lines.iter().map(|line| ("x-k", *line)).collect::<Vec<_>>()))
    };
    let all = [
        of(&[]),
        of(&[b""]),
        of(&[b"", b""]),
        of(&[b"ab"]),
        of(&[b"a", b"b"]),
        of(&[b"a, b"]),
        of(&[b"\xff\xfe"]),
        of(&[&[b'x'; 2000]]),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(all[..index].iter().all(|other| other != one), "{index}");
    }
    assert_eq!(of(&[&[b'x'; 2000]]), of(&[&[b'y'; 1000], &[b'z'; 1000]]));
}

#[test]
fn q10_issuer_and_subject_do_not_run_together() {
    for key in [Key::principal(), Key::tenant()] {
        let of = |issuer, subject| bytes(&key, &principal(issuer, subject, PrincipalKind::User));
        for ((a, b), (c, d)) in
            [(("a", "bc"), ("ab", "c")), (("a\0b", "c"), ("a", "b\0c")), (("", "a"), ("a", ""))]
        {
            assert_ne!(of(a, b), of(c, d), "{a:?} {b:?}");
        }
    }
}

#[test]
fn q10_what_several_have_in_common_is_no_ones_own_name() {
    let mut tenant = head(&[]);
    let ada = Principal::builder("i", "ada", PrincipalKind::User, "Bearer");
    tenant.extensions.insert(ada.clone().tenant("i").build());
    let mut own = head(&[]);
    own.extensions.insert(ada.build());
    assert_ne!(bytes(&Key::tenant(), &tenant), bytes(&Key::tenant(), &own));
    assert_ne!(bytes(&Key::client_id(), &own), bytes(&Key::principal(), &own));

    let [app, machine] =
        [PrincipalKind::App, PrincipalKind::Machine].map(|kind| principal("i", "s", kind));
    assert_eq!(bytes(&Key::app(), &app), bytes(&Key::client_id(), &app));
    assert_ne!(bytes(&Key::app(), &machine), bytes(&Key::client_id(), &machine));
    assert_eq!(bytes(&Key::api_key(), &machine), bytes(&Key::client_id(), &machine));
}

#[test]
fn q10_a_late_part_stands_where_it_was_named() {
    let late = |value: &'static str| {
        Key::from_async_fn("late", move |_: &request::Parts| async move {
            Ok::<_, std::io::Error>(Some(value.to_owned()))
        })
    };
    let now = |value: &'static str| Key::from_fn("now", move |_| Some(value.to_owned()));
    let empty = head(&[]);
    // The timer of a late key wants a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let whole = bytes(&Key::all_of([now("a"), now("b"), now("c")]), &empty);
    for parts in [
        [late("a"), now("b"), now("c")],
        [now("a"), late("b"), now("c")],
        [late("a"), now("b"), late("c")],
        [late("a"), late("b"), late("c")],
    ] {
        assert_eq!(bytes(&Key::all_of(parts), &empty), whole);
    }
    let nested = Key::all_of([now("a"), Key::all_of([late("b"), now("c")])]);
    assert_ne!(bytes(&nested, &empty), whole);
}

#[test]
fn q12_a_combination_needs_what_its_parts_need() {
    let own = || Key::from_fn("own", |_| None);
    for (key, needs) in [
        (Key::address(), false),
        (Key::tenant(), true),
        (Key::all_of([Key::address(), Key::route()]), false),
        (Key::all_of([Key::address(), Key::all_of([Key::app()])]), true),
        (own(), false),
        (own().after_authentication(), true),
        (Key::all_of([own().after_authentication()]), true),
    ] {
        assert_eq!(key.needs_principal(), needs, "{key:?}");
    }
}

#[test]
fn q8_keys_that_nothing_can_be_counted_by_are_told() {
    for key in [
        Key::header("x y"),
        Key::header(""),
        Key::header("Authorization"),
        Key::header("cookie"),
        Key::header("x-forwarded-for"),
        Key::all_of([]),
        Key::all_of([Key::global(), Key::header("forwarded")]),
        Key::from_async_fn_within(Duration::ZERO, "late", |_: &request::Parts| async {
            Ok::<_, std::io::Error>(None)
        }),
    ] {
        assert!(key.problem().is_some(), "{key:?}");
    }
    assert_eq!(Key::header("X-Shop").problem(), None);
}

#[test]
fn keys_are_equal_where_they_find_the_same() {
    let own = Key::from_fn("own", |_| None);
    assert_eq!(own, own.clone());
    assert_ne!(own, Key::from_fn("own", |_| None));
    assert_eq!(Key::header("X-A"), Key::header("x-a"));
}

proptest! {
    #[test]
    fn q10_parts_of_a_combination_do_not_run_together(
        one in proptest::array::uniform2("[ab\\x00]{0,3}"), other in proptest::array::uniform2("[ab\\x00]{0,3}"),
    ) {
        let key = Key::all_of([Key::from_fn("a", |head| head.extensions.get::<[String; 2]>().map(|two| two[0].clone())),
            Key::from_fn("b", |head| head.extensions.get::<[String; 2]>().map(|two| two[1].clone()))]);
        let of = |two: &[String; 2]| {
            let mut head = head(&[]);
            head.extensions.insert(two.clone());
            bytes(&key, &head)
        };
        prop_assert_eq!(one == other, of(&one) == of(&other));
    }
}

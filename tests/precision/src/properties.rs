use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use tower_warden::Principal;
use tower_warden::authz::property::{AcceptError, Field, Mask, Properties, Who, Write};
use tower_warden::principal::PrincipalKind;

/// Numbers that no float holds, or that a float would write in another way. `Number` writes its exponents like this.
const NUMBERS: [&str; 8] = [
    "12345678901234567890123456789",
    "0.1000000000000000000000000001",
    "1e+999",
    "-1e+5",
    "1.50",
    "-0",
    "-0.0",
    "18446744073709551616",
];

fn declared() -> Properties {
    let everybody = || Field::new("amount").read(Who::everybody()).write(Who::everybody());
    Properties::builder("Invoice")
        .field(everybody())
        .field(Field::new("zone").read(Who::everybody()).write(Who::everybody()))
        .field(Field::new("any").read(Who::everybody()).write(Who::everybody()).anything())
        .field(Field::new("iban").read(Who::nobody()).masked(Mask::Whole, Who::everybody()))
        .field(Field::new("margin").read(Who::role("admin")))
        .build()
        .unwrap()
}

fn shown(text: &str) -> String {
    let seen = declared().disclose_json(None, text.as_bytes()).unwrap();
    String::from_utf8(seen.into_owned()).unwrap()
}

#[test]
fn z11_numbers_are_shown_as_they_are_written_and_hidden_ones_are_not() {
    for number in NUMBERS {
        let text = format!(r#"{{"amount":{number},"margin":{number},"iban":{number}}}"#);
        let expected = format!(r#"{{"amount":{number},"iban":"***"}}"#);
        assert_eq!(shown(&text), expected);
        let others = text.replace("e+", "E");
        assert_eq!(shown(&others), expected.replace("e+", "E"));

        #[derive(Serialize)]
        struct Invoice {
            amount: Number,
            margin: Number,
            iban: Number,
        }
        let number: Number = number.parse().unwrap();
        let invoice = Invoice { amount: number.clone(), margin: number.clone(), iban: number };
        let seen = declared().of().disclose(None, &invoice).unwrap();
        assert_eq!(seen.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn z12_numbers_are_accepted_as_they_are_written() {
    #[derive(Deserialize)]
    struct NewInvoice {
        amount: Number,
        any: Value,
    }
    for number in NUMBERS {
        let body = format!(r#"{{"any":{{"n":[{number}]}},"amount":{number}}}"#);
        let new: NewInvoice = declared().of().accept(None, Write::Create, body.as_bytes()).unwrap();
        assert_eq!((new.amount.as_str(), new.any["n"][0].to_string()), (number, number.to_owned()));

        let body = format!(r#"{{"amount":{number},"margin":{number}}}"#);
        let refused = declared().accept(None, Write::Create, body.as_bytes()).unwrap_err();
        assert!(matches!(refused, AcceptError::FieldsRefused(_)), "{refused}");
    }
}

/// The features have private names, under which numbers and raw texts go through serde. Nobody else may use them.
#[test]
fn z12_the_private_names_of_the_features_are_names_like_others() {
    for name in ["$serde_json::private::Number", "$serde_json::private::RawValue"] {
        let body = format!(r#"{{"{name}":"1"}}"#);
        let refused = declared().accept(None, Write::Create, body.as_bytes()).unwrap_err();
        assert!(matches!(refused, AcceptError::FieldsRefused(_)), "{refused}");
        assert_eq!(shown(&format!(r#"{{"amount":1,"{name}":"1"}}"#)), r#"{"amount":1}"#);
        // Where a scalar is declared it is an object, which no scalar is.
        let inside = format!(r#"{{"amount":{{"{name}":"1"}}}}"#);
        assert!(declared().disclose_json(None, inside.as_bytes()).is_err());
        let refused = declared().accept(None, Write::Create, inside.as_bytes()).unwrap_err();
        assert!(matches!(refused, AcceptError::UndeclaredShape { .. }), "{refused}");
    }
}

#[test]
fn z11_the_order_of_members_stays_and_raw_texts_are_filtered_like_others() {
    let value: Value = serde_json::from_str(r#"{"zone":"b","margin":4,"amount":1}"#).unwrap();
    let seen = declared().disclose(None, &value).unwrap();
    assert_eq!(seen.as_bytes(), br#"{"zone":"b","amount":1}"#);

    let raw = RawValue::from_string(r#" {"margin": 4, "amount": 1e400} "#.to_owned()).unwrap();
    let seen = declared().disclose(None, &raw).unwrap();
    assert_eq!(seen.as_bytes(), br#"{"amount": 1e400}"#);
    let admin = Principal::builder("i", "root", PrincipalKind::User, "Bearer").role("admin");
    let seen = declared().disclose(&admin.build(), &raw).unwrap();
    assert_eq!(seen.as_bytes(), br#"{"margin": 4, "amount": 1e400}"#);
}

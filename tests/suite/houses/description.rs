//! The OpenAPI document of `orders_api` says what the rules in force say, and what the service answers.

use std::collections::BTreeMap;

use serde_json::Value;
use tower_warden::authz::Access;

use super::{House, api_rules};
use crate::support::Answer;

/// The strings that the description demands of a bearer token, and of an API key: scopes, or a role.
type Demands = (Option<Vec<String>>, Option<Vec<String>>);

/// What the description and the rules say of `METHOD /pattern`; nothing where it is public.
type Inventory = BTreeMap<String, Option<Demands>>;

fn described(description: &Value) -> Inventory {
    let demanded = |requirements: &[Value], scheme: &str| {
        let of_scheme = requirements.iter().find_map(|requirement| requirement.get(scheme))?;
        let strings = of_scheme.as_array().unwrap().iter();
        Some(strings.map(|string| string.as_str().unwrap().to_owned()).collect())
    };
    let mut inventory = Inventory::new();
    for (pattern, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let requirements = operation["security"].as_array().unwrap();
            let demands = (!requirements.is_empty())
                .then(|| (demanded(requirements, "bearer"), demanded(requirements, "apiKey")));
            inventory.insert(format!("{} {pattern}", method.to_uppercase()), demands);
        }
    }
    inventory
}

fn in_force() -> Inventory {
    let rules = api_rules::rules().build().unwrap();
    let entry = |rule: &tower_warden::authz::Rule| {
        let method = rule.method().expect("each rule names its method");
        (format!("{method} {}", rule.pattern()), demands(rule.access()))
    };
    rules.iter().map(entry).collect()
}

fn demands(access: &Access) -> Option<Demands> {
    access.policy().map(|policy| {
        let text = policy.to_string();
        let inside = |kind: &str| text.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
        match (inside("scope"), inside("role")) {
            (Some(scope), _) => (Some(vec![scope.to_owned()]), Some(vec![scope.to_owned()])),
            // The one API key has no role, so it is no way in.
            (_, Some(role)) => (Some(vec![role.to_owned()]), None),
            _ => panic!("a policy that the description has no word for: {text}"),
        }
    })
}

/// Whether an answer is one of those that the description lists, if the request is one that it lists.
pub(super) fn allows(description: &Value, method: &str, path: &str, answer: &Answer) -> bool {
    let path = path.split('?').next().unwrap();
    let method = if method == "HEAD" { "GET".to_owned() } else { method.to_owned() };
    let paths = description["paths"].as_object().unwrap();
    // No pattern has a parameter where another one is spelled out.
    let described = paths.iter().find(|(pattern, _)| matches(pattern, path));
    let operation = described.and_then(|(_, operations)| operations.get(method.to_lowercase()));
    let Some(operation) = operation else { return true };
    let response = &operation["responses"][answer.status.to_string()];
    let response = match response["$ref"].as_str() {
        Some(reference) => description.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => response,
    };
    let answered_type = answer.header("content-type").split(';').next().unwrap();
    match response["content"].as_object() {
        Some(types) => types.contains_key(answered_type),
        None => response.is_object() && answered_type.is_empty(),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let fits = |(one, other): (&&str, &&str)| one == other || *one == "{id}" && !other.is_empty();
    pattern.len() == path.len() && pattern.iter().zip(&path).all(fits)
}

#[tokio::test]
async fn v4_the_description_lists_the_rules_in_force_no_more_and_no_less() {
    let house = House::start("orders_api");
    let description = house.ask("nobody", "GET", "/openapi.json", "").await.json();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(described(&description), in_force());
    // The rules compared are those of the process.
    for rule in api_rules::rules().build().unwrap().iter() {
        assert!(house.stderr().contains(&rule.to_string()), "{rule}");
    }
}

#[tokio::test]
async fn v4_every_reference_of_the_description_leads_somewhere_and_every_parameter_is_declared() {
    let house = House::start("orders_api");
    let description = house.ask("nobody", "GET", "/openapi.json", "").await.json();
    let mut references = Vec::new();
    collect_references(&description, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
    for (pattern, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let mut parameters = Vec::new();
            collect_references(&operation["parameters"], &mut parameters);
            let has_id = parameters.contains(&"#/components/parameters/Id".to_owned());
            assert_eq!(has_id, pattern.contains("{id}"), "{method} {pattern}");
            let takes_body = matches!(&**method, "post" | "put") && pattern.starts_with("/orders");
            assert_eq!(operation["requestBody"].is_object(), takes_body, "{method} {pattern}");
            let is_open = operation["security"].as_array().unwrap().is_empty();
            for status in ["400", "401", "429"] {
                assert!(operation["responses"][status].is_object(), "{status}: {method} {pattern}");
            }
            assert_eq!(operation["responses"]["403"].is_null(), is_open, "{method} {pattern}");
        }
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

//! What the adapter has to know of a schema beyond what Cedar tells: which attributes and parents a type declares.

use cedar_policy::{Schema, SchemaFragment};
use serde_json::{Map, Value};

use crate::config::Problems;

const CULPRIT: &str = "Cedar schema";

/// How often a type may be a name for another one, before it is given up.
const ALIASES: usize = 8;

/// A schema, and the same as JSON.
pub(super) struct Declarations {
    pub(super) schema: Schema,
    json: Value,
}

/// What a schema says of one entity type.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) attributes: Vec<Attribute>,
    /// The types whose members it may be, as the schema writes them.
    pub(super) parents: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) required: bool,
    /// A value of its type, where one is easily made.
    pub(super) sample: Option<Value>,
}

impl Declarations {
    /// Reads a schema in Cedar's syntax, or in JSON where it starts with a brace. Notes what is wrong with it.
    pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Self> {
        let (fragment, warnings) = if text.trim_start().starts_with('{') {
            let fragment = SchemaFragment::from_json_str(text);
            (fragment.map_err(|error| told(&error)), Vec::new())
        } else {
            match SchemaFragment::from_cedarschema_str(text) {
                Ok((fragment, warnings)) => {
                    (Ok(fragment), warnings.map(|warning| warning.to_string()).collect())
                }
                Err(error) => (Err(told(&error)), Vec::new()),
            }
        };
        for warning in warnings {
            problems.add(CULPRIT, warning);
        }
        let read = fragment.and_then(|fragment| {
            let json = fragment.clone().to_json_value().map_err(|error| told(&error))?;
            let schema = Schema::from_schema_fragments([fragment]).map_err(|error| told(&error))?;
            Ok(Self { schema, json })
        });
        read.map_err(|problem| problems.add(CULPRIT, problem)).ok()
    }

    /// What is declared of this entity type; `None` where it is not declared.
    pub(super) fn shape(&self, type_name: &str) -> Option<Shape> {
        let (namespace, name) = type_name.rsplit_once("::").unwrap_or(("", type_name));
        let declared = self.json.get(namespace)?.get("entityTypes")?.get(name)?;
        let parents = declared.get("memberOfTypes").and_then(Value::as_array);
        let attributes = declared
            .get("shape")
            .and_then(|shape| self.record(namespace, shape))
            .into_iter()
            .flatten();
        Some(Shape {
            attributes: attributes
                .map(|(name, declared)| Attribute {
                    name: name.clone(),
                    required: declared.get("required").and_then(Value::as_bool).unwrap_or(true),
                    sample: sample(declared),
                })
                .collect(),
            parents: parents
                .into_iter()
                .flatten()
                .filter_map(|parent| Some(qualified(namespace, parent.as_str()?)))
                .collect(),
        })
    }

    /// The attributes of a record type, also of one that is declared elsewhere and named here.
    fn record<'j>(
        &'j self,
        namespace: &str,
        mut shape: &'j Value,
    ) -> Option<&'j Map<String, Value>> {
        for _ in 0..ALIASES {
            if let Some(attributes) = shape.get("attributes").and_then(Value::as_object) {
                return Some(attributes);
            }
            let name = shape.get("name").or_else(|| shape.get("type"))?.as_str()?;
            let (within, name) = name.rsplit_once("::").unwrap_or((namespace, name));
            shape = self
                .json
                .get(within)
                .and_then(|within| within.get("commonTypes")?.get(name))
                .or_else(|| self.json.get("")?.get("commonTypes")?.get(name))?;
        }
        None
    }
}

/// A name within a namespace, unless it names one itself.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() || name.contains("::") {
        name.to_owned()
    } else {
        format!("{namespace}::{name}")
    }
}

fn sample(declared: &Value) -> Option<Value> {
    let name = declared.get("name").or_else(|| declared.get("type"))?.as_str()?;
    match name.strip_prefix("__cedar::").unwrap_or(name) {
        "String" => Some("sample".into()),
        "Long" => Some(1.into()),
        "Bool" | "Boolean" => Some(true.into()),
        "Set" => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

/// An error with what lies behind it, in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

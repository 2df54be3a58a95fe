//! An operation as its page tells of it, read from the OpenAPI document: so that programs and people are told the same.

use serde_json::Value;

use super::prose;
use crate::http::api::catalogue::{self, Entry};

/// What one asks, and what comes of it.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    /// In HTML, as all that is `about` something.
    pub(crate) about: String,
    pub(crate) parameters: Vec<Part>,
    pub(crate) fields: Vec<Part>,
    /// What can be sent as JSON, for example.
    pub(crate) body: Option<String>,
    pub(crate) body_about: String,
    pub(crate) answers: Vec<Answer>,
    pub(crate) errors: Vec<&'static Entry>,
}

/// A parameter, or a field of a body.
pub(crate) struct Part {
    pub(crate) name: String,
    /// `path`, `query` or `header`; empty for a field.
    pub(crate) place: String,
    pub(crate) is_needed: bool,
    pub(crate) about: String,
    pub(crate) example: String,
}

/// A success.
pub(crate) struct Answer {
    pub(crate) status: String,
    pub(crate) about: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) json: Option<String>,
}

impl Operation {
    /// The operation of this id.
    pub(super) fn of(document: &Value, id: &str) -> Option<Self> {
        let paths = document["paths"].as_object()?.iter();
        let mut all =
            paths.flat_map(|(path, item)| members(item).map(move |(method, operation)| (path, method, operation)));
        let (path, method, operation) = all.find(|(.., operation)| operation["operationId"] == id)?;
        let json = &operation["requestBody"]["content"]["application/json"];
        let parts = operation["parameters"].as_array().into_iter().flatten().map(|part| Part::of(document, part));
        let (errors, answers): (Vec<_>, Vec<_>) =
            members(&operation["responses"]).partition(|(status, _)| status.as_str() >= "400");
        Some(Self {
            method: method.to_uppercase(),
            path: path.clone(),
            about: about(operation),
            parameters: parts.collect(),
            fields: fields(document, &json["schema"]),
            body: json.get("example").map(|example| format!("{example:#}")),
            body_about: about(&operation["requestBody"]),
            answers: answers.iter().map(|(status, answer)| Answer::of(document, status, answer)).collect(),
            errors: told(&errors),
        })
    }
}

impl Part {
    fn of(document: &Value, part: &Value) -> Self {
        let schema = resolved(document, &part["schema"]);
        let example = part.get("example").or(schema.get("default"));
        Self {
            name: text(&part["name"]),
            place: text(&part["in"]),
            is_needed: part["required"] == true,
            about: [about(part), bounds(schema)].join(" "),
            example: example.map(text).unwrap_or_default(),
        }
    }
}

impl Answer {
    fn of(document: &Value, status: &str, answer: &Value) -> Self {
        let answer = resolved(document, answer);
        let examples = &answer["content"]["application/json"]["examples"];
        let json = members(examples).next().map(|(_, example)| format!("{:#}", example["value"]));
        let header = |(name, header): (&String, &Value)| {
            let schema = &resolved(document, header)["schema"];
            let only = schema["enum"].get(0).map(|value| prose::html(&format!("`{}`", text(value))));
            (name.clone(), only.unwrap_or_else(|| about(schema)))
        };
        let headers = members(&answer["headers"]).map(header).collect();
        Self { status: status.to_owned(), about: about(answer), headers, json }
    }
}

/// The fields of a body: those of the first object that its schema leads to.
fn fields(document: &Value, schema: &Value) -> Vec<Part> {
    let schema = resolved(document, schema);
    if schema.get("properties").is_none() {
        let first = ["allOf", "anyOf"].into_iter().find_map(|word| schema[word].get(0));
        return first.map(|first| fields(document, first)).unwrap_or_default();
    }
    let field = |(name, schema): (&String, &Value)| {
        let named = schema["anyOf"].get(0).map_or(schema, |first| resolved(document, first));
        let mut words = vec![about(schema), about(named), bounds(named)];
        words.dedup();
        words.retain(|words| !words.is_empty());
        Part {
            name: name.clone(),
            place: String::new(),
            is_needed: false,
            about: words.join(" "),
            example: String::new(),
        }
    };
    members(&schema["properties"]).map(field).collect()
}

/// The errors that these answers have for examples, in the order of all errors.
fn told(answers: &[(&String, &Value)]) -> Vec<&'static Entry> {
    let has = |answer: &Value, slug| answer["content"]["application/json"]["examples"].get(slug).is_some();
    catalogue::entries().filter(|entry| answers.iter().any(|(_, answer)| has(answer, entry.slug))).collect()
}

/// How long or how large a value may be, in words.
fn bounds(schema: &Value) -> String {
    // What may be empty only, besides what it is, has no length to tell.
    let bound = |name: &str| schema[name].as_u64().filter(|bound| *bound > 0 || name == "minimum");
    let default = schema.get("default").map(|default| format!("Without it, {}.", text(default))).unwrap_or_default();
    let between = |least: Option<u64>, most: Option<u64>, of: &str| match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}{of}."),
        (None, Some(most)) => format!("At most {most}{of}."),
        (Some(least), None) => format!("At least {least}{of}."),
        (None, None) => String::new(),
    };
    [
        between(bound("minLength"), bound("maxLength"), " characters"),
        between(bound("minimum"), bound("maximum"), ""),
        between(None, bound("maxProperties"), " pairs"),
        default,
    ]
    .into_iter()
    .filter(|words| !words.is_empty())
    .collect::<Vec<_>>()
    .join(" ")
}

/// What a reference stands for, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn about(value: &Value) -> String {
    prose::html(value["description"].as_str().unwrap_or_default())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

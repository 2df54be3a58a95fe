//! The values: what each field may hold, and the objects that are answered.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ComponentsBuilder, ObjectBuilder, Ref, Schema, SchemaType, Type,
};

use crate::domain::{Contact, Email, Gstin, Name, Notes};

/// Letters with their marks, a joiner between two of them, also before a virama, or after a virama. The fillers of Hangul are letters here and none
/// to the service: leaving them out takes a pattern that not every language reads.
fn letters() -> String {
    let (joiner, viramas) = (r"[\u200C\u200D]", Name::viramas());
    format!(r"(?:\p{{L}}\p{{M}}*{joiner}[{viramas}]?)*\p{{L}}\p{{M}}*(?:[{viramas}]{joiner})?")
}
const LABEL: &str = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?";

/// The HTML standard's grammar of an email, with a dot in the domain: `format: email` is another one. `more` are characters that are
/// accepted in front of the `@`, too.
pub(super) fn email(more: &str) -> String {
    format!(r"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~{more}\-]+@{LABEL}(?:\.{LABEL})+")
}

/// A name, but for its length.
fn name() -> String {
    let ends = format!("(?:{}|[0-9.)])", letters());
    format!(r"^{ends}(?:(?:{ends}|[ '\-_/@(])*{ends})?$")
}

/// Every named schema.
pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
    let email = format!("^{}$", email(""));
    components
        .schema("CustomerId", pattern("^cust_[0-9A-Za-z]{14}$").description(Some("Ids sort by the time of creation.")))
        .schema(
            "Name",
            pattern(name()).min_length(Some(Name::LEN_MIN)).max_length(Some(Name::LEN_MAX)).description(Some(
                "Letters of any script, digits, space and `. ' - _ / @ ( )`; starts and ends with a letter, a digit, `.` or `)`.",
            )),
        )
        .schema("Email", pattern(email).max_length(Some(Email::LEN_MAX)).description(Some("A valid address. Compared without regard to ASCII case, kept as typed.")))
        .schema(
            "Contact",
            pattern(r"^\+?[0-9]{8,}$").max_length(Some(Contact::LEN_MAX)).description(Some(
                "At least 8 digits, with an optional leading `+`. Comes back exactly as it was sent.",
            )),
        )
        .schema(
            "Gstin",
            pattern(format!("^[0-9]{{2}}[0-9A-Za-z]{{{}}}$", Gstin::LEN - 2)).description(Some("15 letters and digits, the first two of them digits.")),
        )
        .schema("Notes", notes(note_text(), any_of([note_text().into(), of(Type::Number).into(), of(Type::Boolean).into()])))
        .schema("Customer", customer())
        .schema("Customers", collection("Customer"))
        .schema("Revision", revision())
        .schema("Revisions", collection("Revision"))
        .schema("Tokens", no_tokens())
        .schema("Error", error())
}

/// One of these; `null` where it is unset.
pub(super) fn or_null(name: &str) -> RefOr<Schema> {
    any_of([named(name), of(Type::Null).into()])
}

pub(super) fn any_of(schemas: impl IntoIterator<Item = RefOr<Schema>>) -> RefOr<Schema> {
    schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
}

pub(super) fn named(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

pub(super) fn of(type_: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(type_)
}

pub(super) fn pattern(pattern: impl Into<String>) -> ObjectBuilder {
    of(Type::String).pattern(Some(pattern))
}

/// One of these values, whatever their types.
pub(super) fn one_of(values: impl IntoIterator<Item = Value>) -> ObjectBuilder {
    let values: Vec<Value> = values.into_iter().collect();
    let type_ = if values.iter().all(Value::is_string) { Type::String.into() } else { SchemaType::AnyValue };
    ObjectBuilder::new().schema_type(type_).enum_values(Some(values))
}

/// `[]`
pub(super) fn empty_array() -> RefOr<Schema> {
    ArrayBuilder::new().items(of(Type::Null)).max_items(Some(0)).into()
}

/// An object that has all of these members and no others.
fn whole(members: impl IntoIterator<Item = (&'static str, RefOr<Schema>)>) -> ObjectBuilder {
    let object = of(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(false)));
    members.into_iter().fold(object, |object, (name, schema)| object.property(name, schema).required(name))
}

/// A note's text, or its key: without a null character.
pub(super) fn note_text() -> ObjectBuilder {
    pattern(r"^[^\x00]*$").max_length(Some(Notes::LEN_MAX))
}

/// Pairs of which each key and each value is one of these.
pub(super) fn notes(key: ObjectBuilder, value: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    of(Type::Object)
        .max_properties(Some(Notes::PAIRS_MAX))
        .property_names(Some(key.build()))
        .additional_properties(Some(value.into()))
        .description(Some(
            "Pairs in the order in which they were sent. A number comes back by its literal, however long.",
        ))
}

fn customer() -> ObjectBuilder {
    let notes = any_of([named("Notes"), empty_array()]);
    whole([
        ("id", named("CustomerId")),
        ("entity", one_of([json!("customer")]).into()),
        ("name", or_null("Name")),
        ("email", or_null("Email")),
        ("contact", or_null("Contact")),
        ("gstin", or_null("Gstin")),
        ("notes", notes),
        ("created_at", time("When it was created, in Unix seconds.")),
    ])
    .description(Some(
        "Eight members, always all there, in this order. What is unset is `null`; empty `notes` are `[]`.",
    ))
}

fn time(description: &str) -> RefOr<Schema> {
    of(Type::Integer).description(Some(description)).into()
}

fn collection(of_what: &str) -> ObjectBuilder {
    let items = ArrayBuilder::new().items(named(of_what)).max_items(Some(100));
    collection_of(100, items.into())
}

/// The collection of what is not here.
fn no_tokens() -> ObjectBuilder {
    collection_of(0, empty_array())
}

fn collection_of(most: usize, items: RefOr<Schema>) -> ObjectBuilder {
    let count = of(Type::Integer).minimum(Some(0)).maximum(Some(most));
    whole([
        ("entity", one_of([json!("collection")]).into()),
        ("count", count.description(Some("How many there are in this page.")).into()),
        ("items", items),
    ])
}

fn revision() -> ObjectBuilder {
    let text_or_null = || of(Type::String).schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let from_to = |value: RefOr<Schema>| -> RefOr<Schema> { whole([("from", value.clone()), ("to", value)]).into() };
    let note =
        any_of([of(Type::String).into(), of(Type::Number).into(), of(Type::Boolean).into(), of(Type::Null).into()]);
    let fields = ["name", "email", "contact", "gstin"].into_iter();
    let changes = fields
        .fold(of(Type::Object), |changes, field| changes.property(field, from_to(text_or_null().into())))
        .property("notes", of(Type::Object).additional_properties(Some(from_to(note))).description(Some("Key by key.")))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some("What was changed: each field from what and to what; `null` where it was or is unset."));
    let actor = whole([
        ("type", one_of(["key", "staff", "command"].map(Value::from)).into()),
        ("id", text_or_null().into()),
        (
            "label",
            of(Type::String)
                .description(Some("The key's label, the person's email or the command's name, at the time."))
                .into(),
        ),
    ]);
    whole([
        ("id", pattern("^rev_[0-9A-Za-z]{14}_[1-9][0-9]*$").into()),
        ("entity", one_of([json!("revision")]).into()),
        (
            "version",
            of(Type::Integer)
                .minimum(Some(1))
                .description(Some("1 is the creation. The customer's `ETag` is its latest version."))
                .into(),
        ),
        ("at", time("When, in Unix seconds.")),
        ("actor", actor.description(Some("Who did it: an application, a person or a command.")).into()),
        ("request_id", text_or_null().description(Some("The `X-Request-Id` of the answer.")).into()),
        ("changes", changes.into()),
    ])
}

fn error() -> ObjectBuilder {
    let word = |words: &[&str]| -> RefOr<Schema> { one_of(words.iter().copied().map(Value::from)).into() };
    let metadata = of(Type::Object)
        .property("customer_id", named("CustomerId"))
        .property("customer", named("Customer"))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some(
            "`customer_id`: who has the pair of email and contact. `customer`: the customer as it is now.",
        ));
    let blame = ["name", "email", "contact", "gstin", "notes", "fail_existing", "count", "skip", "from", "to"];
    let error = whole([
        ("code", word(&["BAD_REQUEST_ERROR", "SERVER_ERROR"])),
        ("description", of(Type::String).description(Some("What is wrong, in a sentence.")).into()),
        ("source", word(&["business", "NA"])),
        ("step", word(&["payment_initiation", "NA"])),
        ("reason", word(&["input_validation_failed", "invalid_contact_number", "NA"])),
        ("metadata", metadata.into()),
    ]);
    let field = one_of(blame.map(Value::from)).description(Some("Only there when a field is to blame."));
    whole([("error", error.property("field", field).into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_of_a_name_is_what_the_parser_takes() {
        let pattern = regex::Regex::new(&name()).unwrap();
        // Each text of up to five of these, after a word that makes it long enough.
        let chars = ['র', '\u{9CD}', '\u{200D}', '\u{9BE}', '1', ' '];
        let mut texts = vec!["abc".to_owned()];
        for _ in 0..5 {
            let longer = texts.iter().flat_map(|text| chars.map(|char| format!("{text}{char}")));
            texts = longer.chain(["abc".to_owned()]).collect();
            for text in &texts {
                assert_eq!(pattern.is_match(text), Name::parse(text).is_ok(), "{}", text.escape_unicode());
            }
        }
        for text in ["র\u{200D}\u{9CD}যাচেল", "ರ\u{200D}\u{CCD}ಕಾಶ್", "അനിവര്\u{200D} കുമാര്\u{200D}"]
        {
            assert!(pattern.is_match(text), "{text}");
        }
    }
}

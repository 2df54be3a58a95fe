//! What is sent to create and to edit a customer, as JSON and as a form.

use serde_json::{Value, json};
use utoipa::openapi::encoding::EncodingBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::ParameterStyle;
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ComponentsBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Content, ContentBuilder, RefOr};

use super::samples;
use super::schemas::{any_of, empty_array, named, note_text, notes, of, one_of, pattern};
use crate::domain::Notes;

// Its default is in words: with `default`, some generators of clients take it for required.
const FAIL_EXISTING: &str = "Whether it is an error that the pair of email and contact is taken, as it is where this is left out. \
    `\"0\"` (also `0`, `false` and `\"false\"`) answers the customer that has it, unchanged.";
const CLEARS: &str = "What is not sent keeps its value; `null` or an empty string clears it.";

/// The schemas of both bodies, in both languages.
pub(super) fn add(components: ComponentsBuilder) -> ComponentsBuilder {
    components
        .schema("CustomerEdit", fields(In::Json).description(Some(CLEARS)))
        .schema("CustomerEditForm", fields(In::Form).description(Some(CLEARS)))
        .schema("NewCustomer", creation(In::Json))
        .schema("NewCustomerForm", creation(In::Form))
}

/// The body of a creation.
pub(super) fn creation_body() -> RequestBody {
    let description =
        "At least one of name, email and contact. At most 131072 bytes; without a Content-Type it is read as JSON.";
    RequestBodyBuilder::new()
        .description(Some(description))
        .required(Some(utoipa::openapi::Required::True))
        .content("application/json", content(named("NewCustomer"), samples::NEW))
        .content("application/x-www-form-urlencoded", form(named("NewCustomerForm"), samples::NEW_FORM))
        .build()
}

/// The body of an edit.
pub(super) fn edit_body() -> RequestBody {
    let description =
        "No body, `null` and `[]` are `{}`. At most 131072 bytes; without a Content-Type it is read as JSON.";
    let nothing = of(Type::Null);
    RequestBodyBuilder::new()
        .description(Some(description))
        .content(
            "application/json",
            content(any_of([named("CustomerEdit"), nothing.into(), empty_array()]), samples::EDIT),
        )
        .content("application/x-www-form-urlencoded", form(named("CustomerEditForm"), samples::EDIT_FORM))
        .build()
}

fn content(schema: RefOr<Schema>, example: &str) -> Content {
    ContentBuilder::new().schema(Some(schema)).example(Some(samples::read(example))).build()
}

/// Notes are `notes[key]=value`.
fn form(schema: RefOr<Schema>, example: &str) -> Content {
    let deep = EncodingBuilder::new().style(Some(ParameterStyle::DeepObject)).explode(Some(true));
    ContentBuilder::new().schema(Some(schema)).encoding("notes", deep).example(Some(samples::read(example))).build()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Json,
    Form,
}

impl In {
    /// What clears a field.
    fn clearing(self) -> RefOr<Schema> {
        match self {
            Self::Json => one_of([Value::Null, json!("")]).into(),
            Self::Form => of(Type::String).max_length(Some(0)).into(),
        }
    }
}

fn fields(language: In) -> ObjectBuilder {
    let field = |name: &str| any_of([named(name), language.clearing()]);
    let contact = match language {
        In::Json => any_of([named("Contact"), contact_number(), language.clearing()]),
        In::Form => field("Contact"),
    };
    let notes = match language {
        In::Json => any_of([named("Notes"), empty_array(), language.clearing()]),
        In::Form => any_of([notes(form_key(), note_text()).into(), language.clearing()]),
    };
    of(Type::Object)
        .property("name", field("Name"))
        .property("email", field("Email"))
        .property("contact", contact)
        .property("gstin", field("Gstin"))
        .property("notes", notes)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn creation(language: In) -> ObjectBuilder {
    let yes_or_no = ["1", "0", "true", "false", ""].map(Value::from).into_iter();
    let values: Vec<Value> = match language {
        In::Json => yes_or_no.chain([json!(1), json!(0), json!(true), json!(false), Value::Null]).collect(),
        In::Form => yes_or_no.collect(),
    };
    let fail_existing = one_of(values).description(Some(FAIL_EXISTING));
    let contact = match language {
        In::Json => any_of([named("Contact"), contact_number()]),
        In::Form => named("Contact"),
    };
    let known_by = [("name", named("Name")), ("email", named("Email")), ("contact", contact)];
    let known_by = known_by.map(|(name, schema)| json!({ "required": [name], "properties": { name: schema } }));
    // What the builder of objects has no word for.
    let any_of = Extensions::from_iter([("anyOf", Value::from(known_by.to_vec()))]);
    fields(language).property("fail_existing", fail_existing).extensions(Some(any_of))
}

/// `notes[]` is an array, and `notes[a][b]` an object within.
fn form_key() -> ObjectBuilder {
    pattern(r"^(?:[^\x00\]]|\]+[^\x00\[\]])*\]*$").min_length(Some(1)).max_length(Some(Notes::LEN_MAX))
}

/// A contact as a number is its digits.
fn contact_number() -> RefOr<Schema> {
    of(Type::Integer).minimum(Some(10_000_000_usize)).maximum(Some(999_999_999_999_999_usize)).into()
}

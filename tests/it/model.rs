//! Arbitrary sequences of creating and editing, held against a model in memory, and the history against its end.

use actix_web::rt::System;
use indexmap::IndexMap;
use patron::domain::Mode;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::world::World;

const FIELDS: [&str; 4] = ["name", "email", "contact", "gstin"];

/// What a request does: to which customer (past the last: create one), with which members.
type Step = (usize, Map<String, Value>);

/// Few values, so that pairs clash and edits change nothing now and then.
fn member() -> impl Strategy<Value = (&'static str, Value)> {
    let one_of = |values: &'static [&'static str]| proptest::sample::select(values).prop_map(|value| json!(value));
    let note =
        prop_oneof![Just(json!("text")), Just(json!(12.50)), Just(json!(true)), Just(json!("")), Just(json!("गौरव"))];
    let notes = proptest::collection::vec((proptest::sample::select(&["a", "b", "c", "d"]), note), 0..4);
    prop_oneof![
        (Just("name"), one_of(&["Gaurav", "José", "गौरव कुमार", ""])),
        (Just("email"), one_of(&["a@example.com", "A@example.com", "b@example.com", ""])),
        (Just("contact"), one_of(&["12345678", "+12345678", ""])),
        (Just("contact"), Just(json!(12345678))),
        (Just("gstin"), one_of(&["29XAbbA4369J1PA", ""])),
        (proptest::sample::select(&FIELDS), Just(Value::Null)),
        (
            Just("notes"),
            notes.prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            ))
        ),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let members = proptest::collection::vec(member(), 0..5);
    let step = (0_usize..6, members).prop_map(|(place, members)| {
        (place, members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    });
    proptest::collection::vec(step, 1..25)
}

/// The customers as they should stand: field to value, unset ones absent.
#[derive(Default)]
struct Model(Vec<IndexMap<String, Value>>);

impl Model {
    /// What a request makes of a customer, or `None` where it is refused.
    fn after(&self, place: Option<usize>, members: &Map<String, Value>) -> Option<IndexMap<String, Value>> {
        let mut after = place.map(|place| self.0[place].clone()).unwrap_or_default();
        for (name, value) in members {
            let nothing = value.is_null() || *value == json!("") || *value == json!({});
            let value = if value.is_number() { json!(value.to_string()) } else { value.clone() };
            if nothing {
                after.shift_remove(name)
            } else {
                after.insert(name.clone(), value)
            };
        }
        let knowable = ["name", "email", "contact"].iter().any(|field| after.contains_key(*field));
        let pair = |customer: &IndexMap<String, Value>| {
            let email = customer.get("email").map(|email| email.as_str().unwrap().to_lowercase());
            (email, customer.get("contact").cloned())
        };
        let clashes = |(at, other): (usize, &IndexMap<String, Value>)| {
            Some(at) != place && pair(other) == pair(&after) && pair(&after) != (None, None)
        };
        (knowable && !self.0.iter().enumerate().any(clashes)).then_some(after)
    }
}

fn seen(customer: &Value) -> IndexMap<String, Value> {
    let fields = FIELDS.iter().chain(&["notes"]).map(|name| ((*name).to_owned(), customer[*name].clone()));
    fields.filter(|(_, value)| !value.is_null() && *value != json!([])).collect()
}

/// A history's last word on each value, from its JSON alone.
fn replayed(revisions: &[Value]) -> IndexMap<String, Value> {
    let mut customer: IndexMap<String, Value> = IndexMap::new();
    for revision in revisions.iter().rev() {
        for (field, change) in revision["changes"].as_object().unwrap() {
            if field == "notes" {
                let notes = customer.entry(field.clone()).or_insert_with(|| json!({})).as_object_mut().unwrap();
                for (key, change) in change.as_object().unwrap() {
                    assert_eq!(notes.get(key).unwrap_or(&Value::Null), &change["from"]);
                    if change["to"].is_null() {
                        notes.remove(key)
                    } else {
                        notes.insert(key.clone(), change["to"].clone())
                    };
                }
            } else {
                assert_eq!(customer.get(field).unwrap_or(&Value::Null), &change["from"]);
                if change["to"].is_null() {
                    customer.shift_remove(field)
                } else {
                    customer.insert(field.clone(), change["to"].clone())
                };
            }
        }
    }
    customer.retain(|_, value| *value != json!({}));
    customer
}

async fn hold(steps: Vec<Step>) {
    let world = World::new();
    let app = world.key(Mode::Test).await;
    let (mut model, mut ids): (Model, Vec<String>) = Default::default();
    for (place, members) in steps {
        let place = (place < ids.len()).then_some(place);
        let body = Value::Object(members.clone()).to_string();
        let answer = match place {
            Some(place) => app.put(&format!("/v1/customers/{}", ids[place]), &body).await,
            None => app.post("/v1/customers", &body).await,
        };
        match (model.after(place, &members), place) {
            (None, _) => assert_eq!(answer.status, 400, "{body} gave {answer}"),
            (Some(after), place) => {
                assert_eq!(answer.status, 200, "{body} gave {answer}");
                assert_eq!(seen(&answer.json()), after);
                match place {
                    Some(place) => model.0[place] = after,
                    None => {
                        ids.push(answer.id());
                        model.0.push(after);
                    }
                }
            }
        }
    }
    for (id, expected) in ids.iter().zip(&model.0) {
        assert_eq!(&seen(&app.get(&format!("/v1/customers/{id}")).await.json()), expected);
        let history = app.get(&format!("/v1/customers/{id}/revisions?count=100")).await.json();
        assert_eq!(&replayed(history["items"].as_array().unwrap()), expected);
    }
    let checked = world.services.check(|_| ()).await.unwrap();
    assert_eq!((checked.customers, checked.faults), (ids.len() as u64, vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_service_agrees_with_a_simple_model(steps in steps()) {
        System::new().block_on(hold(steps));
    }
}

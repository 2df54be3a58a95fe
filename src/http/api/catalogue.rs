//! Every error of the API as its page and the OpenAPI document tell of it: why it comes, how to mend it, and the rule behind it.
//! What it looks like is never written here: each entry has a request that meets it, and the answer is made by what answers
//! requests.

mod causes;
mod customers;
mod fields;
mod notes;
mod requests;

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use serde_json::Value;

pub use causes::{Cause, causes};

use super::{Problem, body, draft, query};
use crate::domain::{Customer, CustomerId, Draft, Mode};

/// Errors about one thing.
pub struct Group {
    /// The thing.
    pub name: &'static str,
    /// Its errors.
    pub entries: &'static [Entry],
}

/// Every error, by what it is about.
pub static GROUPS: [Group; 6] = [
    Group { name: "Credentials", entries: &requests::CREDENTIALS },
    Group { name: "Fields", entries: &fields::FIELDS },
    Group { name: "Notes", entries: &notes::NOTES },
    Group { name: "Customers and lists", entries: &customers::CUSTOMERS },
    Group { name: "Requests", entries: &requests::REQUESTS },
    Group { name: "The server", entries: &requests::SERVER },
];

/// An error. In its prose, what stands between backticks is code.
pub struct Entry {
    /// The end of its page's address, and its name in the OpenAPI document. It never changes, since programs and people keep it.
    pub slug: &'static str,
    /// The description, with `…` for what varies.
    pub says: &'static str,
    /// Why it comes.
    pub why: &'static str,
    /// How to mend it.
    pub mend: &'static str,
    /// The rule that was broken.
    pub law: &'static str,
    /// What it can come from; nothing, where it is no operation's.
    pub(super) acts: &'static [Act],
    /// Whether Patron alone answers so, and not the hosted API.
    pub is_ours: bool,
    case: Case,
}

/// What is done to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    List,
    Fetch,
    Edit,
    History,
    Tokens,
}

const ALL: &[Act] = &[Act::Create, Act::List, Act::Fetch, Act::Edit, Act::History, Act::Tokens];
const WRITES: &[Act] = &[Act::Create, Act::Edit];
const OF_ONE: &[Act] = &[Act::Fetch, Act::Edit, Act::History, Act::Tokens];
const PAGES: &[Act] = &[Act::List, Act::History, Act::Tokens];

/// A request that meets an error.
enum Case {
    /// Making a customer of this.
    Create(fn() -> String),
    /// Listing customers by this query.
    List(&'static str),
    /// Any other request, as it is written, and what it meets.
    Request(&'static str, fn() -> Problem),
}

impl Entry {
    /// The request, as HTTP has it: method and path, headers, an empty line, the body. Credentials are left out.
    pub fn request(&self) -> String {
        match self.case {
            Case::Create(body) => format!("POST /v1/customers\nContent-Type: application/json\n\n{}", body()),
            Case::List(query) => format!("GET /v1/customers?{query}"),
            Case::Request(text, _) => text.to_owned(),
        }
    }

    /// The body of the answer; its text is the answer to the byte.
    pub fn answer(&self) -> Value {
        self.problem().to_json()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.problem().status_code()
    }

    /// The headers that this answer has and others have not.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let response = self.problem().error_response();
        let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let names = ["Retry-After", "WWW-Authenticate"];
        names.into_iter().filter_map(|name| Some((name, text(name)?))).collect()
    }

    /// The field to blame, where there is one.
    pub fn field(&self) -> Option<&'static str> {
        self.problem().field()
    }

    /// The words by which it is remembered.
    pub fn rule(&self) -> &'static str {
        self.problem().rule()
    }

    fn problem(&self) -> Problem {
        let met = match self.case {
            Case::Create(body) => created(&body()),
            Case::List(query) => query::of_list(query).err(),
            Case::Request(_, problem) => Some(problem()),
        };
        met.unwrap_or_else(Problem::failed)
    }
}

/// Every error, in the order of the groups.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    GROUPS.iter().flat_map(|group| group.entries)
}

/// The error that is remembered by these words and had this status.
pub fn find(status: u16, rule: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.status().as_u16() == status && entry.rule() == rule)
}

/// What comes of making a customer of this, as far as it can be told without looking at others.
fn created(json: &str) -> Option<Problem> {
    let members = match body::read_json(json.as_bytes()) {
        Ok(members) => members,
        Err(problem) => return Some(problem),
    };
    let (draft, _) = draft::of_creation(members);
    let blank = Customer::blank(customer_id(), Mode::Test, CREATED_AT);
    let rejection = draft.parse().and_then(|edit| edit.apply(&blank)).err()?;
    Some(Problem::from(&rejection))
}

/// 2020-02-18T13:48:51Z, when the customer of all examples was made.
pub const CREATED_AT: i64 = 1_582_033_731;

/// The id of the customer of all examples.
pub fn customer_id() -> CustomerId {
    CustomerId::stored("cust_1Aa00000000004".to_owned())
}

/// The customer of all examples, once it was made of this.
pub fn customer(json: &str) -> Customer {
    let blank = Customer::blank(customer_id(), Mode::Test, CREATED_AT);
    let draft = body::read_json(json.as_bytes()).map_or_else(|_| Draft::default(), draft::of_edit);
    draft.parse().map_or_else(|_| blank.clone(), |edit| edit.over(&blank))
}

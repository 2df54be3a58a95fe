//! Every error, by a name, and the operations that it can come from. Each is made as the service makes its answers: a broken
//! rule by breaking it.

use super::samples;
use crate::domain::{Customer, CustomerId, Invalid, Mode, Rejection};
use crate::http::api::{Problem, body, draft, query};
use crate::http::limits::Reached;
use crate::service::{NotAdmitted, Refused};

/// What is done to customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Create,
    List,
    Fetch,
    Edit,
    History,
}

const ALL: &[Act] = &[Act::Create, Act::List, Act::Fetch, Act::Edit, Act::History];
const WRITES: &[Act] = &[Act::Create, Act::Edit];
const OF_ONE: &[Act] = &[Act::Fetch, Act::Edit, Act::History];
const PAGES: &[Act] = &[Act::List, Act::History];

/// One of them.
pub(super) struct ErrorCase {
    /// What it is called in the document.
    pub(super) name: &'static str,
    /// What it can come from; nothing, where it is no operation's.
    pub(super) acts: &'static [Act],
    /// When it comes.
    pub(super) when: &'static str,
    /// What is answered.
    pub(super) problem: Problem,
}

/// All of them, in the order in which they are judged.
pub(super) fn all() -> Vec<ErrorCase> {
    [around(), of_bodies(), of_fields(), of_queries(), of_state(), of_the_moment()].into_iter().flatten().collect()
}

fn case((name, acts, when, problem): (&'static str, &'static [Act], &'static str, Problem)) -> ErrorCase {
    ErrorCase { name, acts, when, problem }
}

fn around() -> Vec<ErrorCase> {
    let wrong = "The key or the secret is wrong, expired or revoked, or the header is malformed.";
    let cases = [
        ("url-not-found", &[][..], "No such URL, or not with this method.", Problem::url_not_found()),
        ("no-credentials", ALL, "There is no Authorization header.", Problem::no_credentials()),
        ("wrong-credentials", ALL, wrong, NotAdmitted::Refused("").into()),
    ];
    cases.map(case).into()
}

fn of_bodies() -> Vec<ErrorCase> {
    let cross_site = "A browser sends a form, or a body without Content-Type, for a page of another site.";
    let malformed = CustomerId::parse("cust_abc").map_err(|rest| Problem::id_malformed(&rest));
    let cases = [
        ("body-too-large", WRITES, "The body has more than 131072 bytes.", Problem::body_too_large(body::LEN_MAX)),
        ("body-late", WRITES, "The body has not arrived 10 seconds after the head.", Problem::body_late()),
        ("body-incomplete", WRITES, "The connection ended before the body did.", Problem::body_incomplete()),
        ("media-type", WRITES, "The body is neither JSON nor a form.", Problem::media_type()),
        ("cross-site", WRITES, cross_site, Problem::cross_site()),
        ("body-not-json", WRITES, "The body is not JSON.", refusal(body::read_json(b"{\"name\": Gaurav}"))),
        ("body-not-a-form", WRITES, "The form is not UTF-8.", refusal(body::read_form(b"name=%FF"))),
        ("id-malformed", OF_ONE, "The id is not 5 characters and then 14 letters and digits.", refusal(malformed)),
    ];
    cases.map(case).into()
}

/// What breaks the rules of fields. `…` stands for more letters than any of them has.
const FIELDS: [(&str, &str, &str); 20] = [
    (
        "extra-fields",
        "There are members that nobody asked for; with an edit, `fail_existing` is one.",
        r#"{"age":42,"name":"Gaurav","city":"Pune"}"#,
    ),
    (
        "body-not-an-object",
        "The body is an array, a string, a number or a boolean: its indexes are extra fields.",
        r#"["Gaurav"]"#,
    ),
    ("name-not-text", "The name is not a string.", r#"{"name":12345}"#),
    ("name-too-long", "The name has more than 50 characters.", r#"{"name":"…"}"#),
    (
        "name-format",
        "The name has fewer than 3 characters, or others than it may, or starts or ends with one that it may not.",
        r#"{"name":"Gaurav!"}"#,
    ),
    ("email-not-text", "The email is not a string.", r#"{"email":["gaurav@example.com"]}"#),
    ("email-too-long", "The email has more than 64 characters.", r#"{"email":"…@example.com"}"#),
    ("email-format", "The email is not a valid address.", r#"{"email":"gaurav.kumar"}"#),
    ("contact-not-text", "The contact is neither a string nor a whole number.", r#"{"contact":true}"#),
    (
        "contact-characters",
        "The contact has other characters than a leading `+` and digits.",
        r#"{"contact":"98765 43210"}"#,
    ),
    ("contact-too-short", "The contact has fewer than 8 digits.", r#"{"contact":"1234567"}"#),
    ("contact-too-long", "The contact has more than 15 characters.", r#"{"contact":"1234567890123456"}"#),
    ("gstin-not-text", "The GSTIN is not a string.", r#"{"gstin":29}"#),
    ("gstin-format", "The GSTIN is not 15 letters and digits, the first two of them digits.", r#"{"gstin":"29"}"#),
    ("notes-not-pairs", "The notes are no object.", r#"{"notes":"Pune"}"#),
    (
        "notes-too-many",
        "There are more than 15 notes.",
        r#"{"notes":{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10,"11":11,"12":12,"13":13,"14":14,"15":15,"16":16}}"#,
    ),
    ("note-not-scalar", "A note's value is `null`, an array or an object.", r#"{"notes":{"cities":["Pune"]}}"#),
    ("note-key-too-long", "A note's key has more than 256 characters.", r#"{"notes":{"…":"Pune"}}"#),
    ("note-value-too-long", "A note's value has more than 256 characters.", r#"{"notes":{"city":"…"}}"#),
    ("note-null-character", "A note's key or value holds U+0000.", r#"{"notes":{"city":"Pune\u0000"}}"#),
];

fn of_fields() -> Vec<ErrorCase> {
    let broken = |body: &str| {
        let members = body::read_json(body.replace('…', &"a".repeat(257)).as_bytes());
        refusal(members.and_then(|members| {
            draft::of_creation(members).0.parse().map_err(|rejection| Refused::Invalid(rejection).into())
        }))
    };
    let neither = "`fail_existing` is neither yes nor no.";
    let mut cases: Vec<ErrorCase> = FIELDS.map(|(name, when, body)| case((name, WRITES, when, broken(body)))).into();
    cases.push(case(("fail-existing", &[Act::Create], neither, broken(r#"{"fail_existing":"2"}"#))));
    cases
}

fn of_queries() -> Vec<ErrorCase> {
    let cases = [
        ("extra-parameters", PAGES, "There are parameters that nobody asked for.", "page=2"),
        ("count-not-an-integer", PAGES, "The count is no whole number.", "count=ten"),
        ("count-too-small", PAGES, "The count is less than 1.", "count=0"),
        ("count-too-large", PAGES, "The count is more than 100.", "count=101"),
        ("skip-not-an-integer", PAGES, "The skip is no whole number.", "skip=some"),
        ("skip-negative", PAGES, "The skip is less than 0.", "skip=-1"),
        ("from-out-of-range", &[Act::List], "`from` is no whole number, or before 2000 or after 2120.", "from=1"),
        ("to-out-of-range", &[Act::List], "`to` is no whole number, or before 2000 or after 2120.", "to=1"),
    ];
    cases.map(|(name, acts, when, query)| case((name, acts, when, refusal(query::of_list(query))))).into()
}

fn of_state() -> Vec<ErrorCase> {
    let nobody = "Nobody has this id, or a customer of the other mode does.";
    let unknowable = Refused::Invalid(Rejection::whole(Invalid::UNKNOWABLE));
    let changed = Refused::Conflict(Box::new(customer()));
    let cases = [
        ("id-unknown", OF_ONE, nobody, Refused::NotFound),
        ("changed-meanwhile", &[Act::Edit], "`If-Match` does not name the customer's entity tag.", changed),
        ("nothing-to-know-by", WRITES, "The customer would have neither name nor email nor contact.", unknowable),
        ("pair-taken", WRITES, "Another customer has this email and this contact.", Refused::Taken(customer().id)),
    ];
    cases.map(|(name, acts, when, refused)| case((name, acts, when, refused.into()))).into()
}

fn of_the_moment() -> Vec<ErrorCase> {
    let too_many = "There were more requests than are let in, or too many wrong secrets.";
    let cases = [
        ("too-many-requests", ALL, too_many, Reached(1).into()),
        ("busy", ALL, "There is too much to do, or the disk is full.", Refused::Busy.into()),
        ("failed", ALL, "The service failed; its log says why.", Refused::Failed.into()),
    ];
    cases.map(case).into()
}

/// What came of what is refused. Were it not refused, a test would find an example that nobody can ask for.
fn refusal<T>(outcome: Result<T, Problem>) -> Problem {
    outcome.err().unwrap_or_else(Problem::failed)
}

/// The customer of the samples, after the edit.
fn customer() -> Customer {
    let sample = samples::read(samples::EDITED);
    let id = CustomerId::stored(sample["id"].as_str().unwrap_or_default().to_owned());
    let blank = Customer::blank(id, Mode::Test, sample["created_at"].as_i64().unwrap_or_default());
    let members = [samples::NEW, samples::EDIT].map(|body| body::read_json(body.as_bytes()).unwrap_or_default());
    let edits = members.into_iter().filter_map(|members| draft::of_edit(members).parse().ok());
    edits.fold(blank, |customer, edit| edit.over(&customer))
}

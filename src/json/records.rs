//! A customer, a revision, and all that is held on a customer, as JSON.

use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{ActorJson, ChangesJson, NotesJson};
use crate::domain::{Contact, Customer, Email, Gstin, ImportRow, KeyId, Name, Notes, RequestRecord, Revision};

/// Eight keys, always all present, in this order.
#[derive(Serialize)]
pub struct CustomerJson<'a> {
    id: &'a str,
    entity: &'static str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    contact: Option<&'a str>,
    gstin: Option<&'a str>,
    #[serde(serialize_with = "notes")]
    notes: &'a Notes,
    created_at: i64,
}

impl<'a> CustomerJson<'a> {
    /// A customer in this shape.
    pub fn of(customer: &'a Customer) -> Self {
        Self {
            id: customer.id.as_str(),
            entity: "customer",
            name: customer.name.as_ref().map(Name::as_str),
            email: customer.email.as_ref().map(Email::as_str),
            contact: customer.contact.as_ref().map(Contact::as_str),
            gstin: customer.gstin.as_ref().map(Gstin::as_str),
            notes: &customer.notes,
            created_at: customer.created_at,
        }
    }
}

/// Empty notes are `[]`, a habit of PHP's that every client of the hosted API lives with.
fn notes<S: Serializer>(notes: &&Notes, serializer: S) -> Result<S::Ok, S::Error> {
    if notes.is_empty() { [(); 0].serialize(serializer) } else { NotesJson(notes).serialize(serializer) }
}

/// Ours: the hosted API has no history.
#[derive(Serialize)]
pub struct RevisionJson<'a> {
    id: String,
    entity: &'static str,
    version: u64,
    at: i64,
    actor: ActorJson<'a>,
    request_id: Option<&'a str>,
    changes: ChangesJson<'a>,
}

impl<'a> RevisionJson<'a> {
    /// A revision in this shape.
    pub fn of(revision: &'a Revision) -> Self {
        Self {
            // A revision is its customer's and its version's: the id says both.
            id: format!("rev_{}_{}", revision.customer.as_str().trim_start_matches("cust_"), revision.version),
            entity: "revision",
            version: revision.version,
            at: revision.at,
            actor: ActorJson::of(&revision.actor),
            request_id: revision.request_id.as_deref(),
            changes: ChangesJson(&revision.changes),
        }
    }
}

/// All that is held on a customer.
#[derive(Serialize)]
pub struct HeldJson<'a> {
    entity: &'static str,
    exported_at: i64,
    exported_by: ActorJson<'a>,
    mode: &'static str,
    customer: CustomerJson<'a>,
    version: u64,
    in_search: bool,
    revisions: Vec<RevisionJson<'a>>,
    requests: Vec<RequestJson<'a>>,
    import_rows: Vec<ImportRowJson<'a>>,
}

impl<'a> HeldJson<'a> {
    /// What is held, in this shape, with who asked for it and when.
    pub fn of(
        customer: &'a Customer,
        revisions: &'a [Revision],
        requests: &'a [RequestRecord],
        in_search: bool,
        import_rows: impl IntoIterator<Item = (i64, &'a ImportRow)>,
        (at, by): (i64, &'a crate::domain::Actor),
    ) -> Self {
        Self {
            entity: "export",
            exported_at: at,
            exported_by: ActorJson::of(by),
            mode: customer.mode.as_str(),
            customer: CustomerJson::of(customer),
            version: customer.version,
            in_search,
            revisions: revisions.iter().map(RevisionJson::of).collect(),
            requests: requests.iter().map(RequestJson::of).collect(),
            import_rows: import_rows.into_iter().map(ImportRowJson::of).collect(),
        }
    }

    /// The same as text to be read.
    pub fn to_text(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| error.to_string())
    }
}

/// A row of an import that holds something of the customer.
#[derive(Serialize)]
struct ImportRowJson<'a> {
    import: i64,
    line: u64,
    /// As the file has them.
    cells: Option<&'a RawValue>,
    /// The text of a row that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a RawValue>,
}

impl<'a> ImportRowJson<'a> {
    fn of((import, row): (i64, &'a ImportRow)) -> Self {
        let kept = row.cells.as_deref().unwrap_or_default();
        // A row that is kept as it came is an array: a separator, the text, and the cells that were read.
        let as_it_came = serde_json::from_str::<(IgnoredAny, &RawValue, &RawValue)>(kept);
        let (text, cells) = match as_it_came {
            Ok((_, text, cells)) => (Some(text).filter(|_| cells.get() == "{}"), Some(cells)),
            Err(_) => (None, serde_json::from_str(kept).ok()),
        };
        Self { import, line: row.line, cells, text }
    }
}

/// What is remembered of a request.
#[derive(Serialize)]
struct RequestJson<'a> {
    at: i64,
    key_id: Option<&'a str>,
    method: &'a str,
    route: &'a str,
    customer: Option<&'a str>,
    version: Option<u64>,
    query: Vec<&'a str>,
    body: Vec<&'a str>,
    status: u16,
    duration_us: u64,
    rule: Option<&'a str>,
    field: Option<&'a str>,
}

impl<'a> RequestJson<'a> {
    fn of(record: &'a RequestRecord) -> Self {
        let names = |text: &'a str| text.split(',').filter(|name| !name.is_empty()).collect();
        Self {
            at: record.number.seconds(),
            key_id: record.key.as_ref().map(KeyId::as_str),
            method: &record.method,
            route: &record.route,
            customer: record.customer.as_ref().map(|id| id.as_str()),
            version: record.version,
            query: names(&record.query),
            body: names(&record.body),
            status: record.status,
            duration_us: record.micros,
            rule: record.rule.as_deref(),
            field: record.field.as_deref(),
        }
    }
}

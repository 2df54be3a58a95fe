//! What a row of a file would do, and what applying it does: decided by the same rules as any edit.

use std::collections::HashMap;

use super::super::Ambient;
use super::stamp::Stamp;
use crate::domain::{
    Changes, Customer, CustomerId, Draft, Edit, Edited, Email, Fate, ImportRow, Mode, Outcome, Rejection,
};
use crate::rows::{Incoming, Mapping, Row, Unfit};
use crate::store::{self, Complained, Elsewhere, ImportLookup, Judged, NotWritten, Plan, Planned};

/// The eldest and, from now, the latest time at which a customer can have been made, in Unix seconds.
const CREATED_MIN: i64 = 0;
const CREATED_AHEAD: i64 = 24 * 60 * 60;

/// How the rows of one import are judged.
#[derive(Clone)]
pub(super) struct Judge {
    pub(super) mode: Mode,
    pub(super) mapping: Mapping,
    /// In Unix seconds.
    pub(super) now: i64,
}

impl Judge {
    /// Previews rows one after the other. `None` for a row that could not be read, which stays so.
    pub(super) fn judge(
        &self,
        rows: &[ImportRow],
        lookup: &ImportLookup<'_>,
    ) -> Result<Vec<Option<Judged>>, store::Error> {
        let mut before = Before { lookup, customers: HashMap::new(), pairs: HashMap::new() };
        let judge = |row: &ImportRow| {
            if row.outcome == Some(Outcome::Unread) {
                return Ok(None);
            }
            let judged = self.judge_row(row, &before)?;
            before.add(row.line, &judged);
            Ok(Some(judged))
        };
        rows.iter().map(judge).collect()
    }

    fn judge_row(&self, row: &ImportRow, before: &Before<'_>) -> Result<Judged, store::Error> {
        let Some(cells) = row.cells.as_deref().and_then(|cells| Row::from_text(row.line, cells)) else {
            return Ok(refused(None, None, None, "What the row held is gone: its customer was erased."));
        };
        let (incoming, respelled) = match read(&self.mapping, &cells) {
            Ok(read) => read,
            Err(unfit) => return Ok(refused(None, None, Some(unfit.column), &unfit.words)),
        };
        let judged = self.judge_incoming(&incoming, before)?;
        Ok(Judged { respelled: respelled && matches!(judged.outcome, Outcome::Create | Outcome::Update), ..judged })
    }

    fn judge_incoming(&self, incoming: &Incoming, before: &Before<'_>) -> Result<Judged, store::Error> {
        let known = self.pair_of(&incoming.draft);
        let id = incoming.id.clone();
        if incoming.created_at.is_some_and(|at| !(CREATED_MIN..=self.now + CREATED_AHEAD).contains(&at)) {
            return Ok(refused(id, known, Some("created_at".into()), "The created_at must be a time in the past."));
        }
        let edit = match incoming.draft.clone().parse() {
            Ok(edit) => edit,
            Err(rejection) => return Ok(rejected(id, known, &rejection, &incoming.draft)),
        };
        match &incoming.id {
            Some(id) => match before.lookup.find(id)? {
                Some(customer) => self.update(&customer, &edit, before),
                None => match before.lookup.find_elsewhere(id)? {
                    Some(where_) => Ok(refused(Some(id.clone()), known, Some("id".into()), words_of(where_))),
                    None => self.create(Some(id.clone()), &edit, before),
                },
            },
            None => match before.lookup.find_by_pair(&edit.over(&self.blank()))? {
                Some(customer) => match incoming.draft.clone().without_pair().parse() {
                    Ok(edit) => self.update(&customer, &edit, before),
                    Err(rejection) => Ok(rejected(None, known, &rejection, &incoming.draft)),
                },
                None => self.create(None, &edit, before),
            },
        }
    }

    fn update(&self, customer: &Customer, edit: &Edit, before: &Before<'_>) -> Result<Judged, store::Error> {
        let id = Some(customer.id.clone());
        if let Some(line) = before.line_of(&customer.id)? {
            let words = format!("Line {line} is about the same customer.");
            return Ok(refused(id, Some(customer.clone()), None, &words));
        }
        let after = match edit.clone().without_respellings(customer).apply(customer) {
            Ok(after) => after,
            Err(rejection) => return Ok(rejected(id, Some(customer.clone()), &rejection, &Draft::default())),
        };
        if let Some(complaint) = in_its_way(&after, before)? {
            return Ok(refused(id, Some(after), None, &complaint));
        }
        let is_same = Changes::between(customer, &after).is_empty();
        let outcome = if is_same { Outcome::Unchanged } else { Outcome::Update };
        Ok(Judged {
            outcome,
            customer: id,
            version: Some(customer.version),
            after: Some(after),
            respelled: false,
            complaint: None,
        })
    }

    fn create(&self, id: Option<CustomerId>, edit: &Edit, before: &Before<'_>) -> Result<Judged, store::Error> {
        if let Some(line) = id.as_ref().map(|id| before.line_of(id)).transpose()?.flatten() {
            return Ok(refused(id, None, Some("id".into()), &format!("Line {line} has the same id.")));
        }
        let after = match edit.apply(&self.blank()) {
            Ok(after) => after,
            Err(rejection) => return Ok(rejected(id, None, &rejection, &Draft::default())),
        };
        if let Some(complaint) = in_its_way(&after, before)? {
            return Ok(refused(id, Some(after), None, &complaint));
        }
        Ok(Judged {
            outcome: Outcome::Create,
            customer: id,
            version: None,
            after: Some(after),
            respelled: false,
            complaint: None,
        })
    }

    /// A customer with the email and contact of a draft alone, where those are good, whatever is wrong with the rest: by them a row
    /// is found again when the person is erased.
    fn pair_of(&self, draft: &Draft) -> Option<Customer> {
        let pair = Draft { email: draft.email.clone(), contact: draft.contact.clone(), ..Draft::default() };
        pair.parse().ok().map(|edit| edit.over(&self.blank()))
    }

    fn blank(&self) -> Customer {
        // Of no id: it is never written.
        Customer::blank(CustomerId::stored(String::new()), self.mode, self.now)
    }

    /// Decides what applying a row does.
    pub(super) fn plan(
        &self,
        row: ImportRow,
        stamp: &Stamp,
        ambient: &Ambient,
        lookup: &ImportLookup<'_>,
    ) -> Result<Planned, store::Error> {
        let plan = match row.outcome {
            Some(Outcome::Create) => self.plan_create(&row, stamp, ambient).unwrap_or(Plan::Leave(Fate::Gone)),
            Some(Outcome::Update) => self.plan_update(&row, stamp).unwrap_or(Plan::Leave(Fate::Gone)),
            Some(Outcome::Unchanged) => match &row.customer {
                None => Plan::Nothing,
                // It may have other values since the preview.
                Some(id) => match lookup.find(id)? {
                    None => Plan::Leave(Fate::Gone),
                    Some(now) if Some(now.version) != row.version => Plan::Leave(Fate::Changed),
                    Some(_) => Plan::Nothing,
                },
            },
            Some(Outcome::Refused | Outcome::Unread) | None => Plan::Refuse,
        };
        Ok(Planned { row, plan })
    }

    fn incoming(&self, row: &ImportRow) -> Option<Incoming> {
        Some(read(&self.mapping, &Row::from_text(row.line, row.cells.as_deref()?)?).ok()?.0)
    }

    fn plan_create(&self, row: &ImportRow, stamp: &Stamp, ambient: &Ambient) -> Option<Plan> {
        let Incoming { id, created_at, draft } = self.incoming(row)?;
        let id = id.unwrap_or_else(|| ambient.customer_id_of(created_at));
        let blank = Customer::blank(id, self.mode, created_at.unwrap_or(stamp.at));
        let customer = draft.parse().ok()?.apply(&blank).ok()?;
        let changes = Changes::between(&blank, &customer);
        Some(Plan::Create(Box::new(stamp.edited(customer, changes, None))))
    }

    fn plan_update(&self, row: &ImportRow, stamp: &Stamp) -> Option<Plan> {
        let incoming = self.incoming(row)?;
        let draft = if incoming.id.is_some() { incoming.draft } else { incoming.draft.without_pair() };
        let (edit, id, version, stamp) = (draft.parse().ok()?, row.customer.clone()?, row.version?, stamp.clone());
        let decide = move |now: &Customer| -> Result<Option<Edited>, Fate> {
            if now.version != version {
                return Err(Fate::Changed);
            }
            let after = edit.clone().without_respellings(now).apply(now).map_err(|_| Fate::Changed)?;
            let changes = Changes::between(now, &after);
            Ok(Some(stamp.edited(after, changes, None)))
        };
        Some(Plan::Update(id, Box::new(decide)))
    }
}

/// The rows before one in the same file: those of earlier batches by their rows in the store, those of this batch here.
struct Before<'a> {
    lookup: &'a ImportLookup<'a>,
    customers: HashMap<CustomerId, u64>,
    pairs: HashMap<(Option<String>, Option<String>), u64>,
}

impl Before<'_> {
    fn line_of(&self, id: &CustomerId) -> Result<Option<u64>, store::Error> {
        self.customers.get(id).map_or_else(|| self.lookup.line_of(id), |line| Ok(Some(*line)))
    }

    fn line_of_pair(&self, customer: &Customer) -> Result<Option<u64>, store::Error> {
        let line = self.pairs.get(&pair_of(customer));
        line.map_or_else(|| self.lookup.line_of_pair(customer), |line| Ok(Some(*line)))
    }

    fn add(&mut self, line: u64, judged: &Judged) {
        if judged.outcome != Outcome::Refused {
            self.customers.extend(judged.customer.clone().map(|id| (id, line)));
            let pair = judged.after.as_ref().map(pair_of).filter(|pair| *pair != (None, None));
            self.pairs.extend(pair.map(|pair| (pair, line)));
        }
    }
}

fn pair_of(customer: &Customer) -> (Option<String>, Option<String>) {
    let contact = customer.contact.as_ref().map(|contact| contact.as_str().to_owned());
    (customer.email.as_ref().map(Email::key), contact)
}

/// Returns the fate of a row that was not written.
pub(super) fn fate_of(why: NotWritten) -> Fate {
    match why {
        NotWritten::Cleared | NotWritten::Missing => Fate::Gone,
        NotWritten::Taken => Fate::Taken,
        NotWritten::Refused(fate) => fate,
    }
}

/// What a row asks for, its name and email tidied, and whether there was anything to tidy.
fn read(mapping: &Mapping, cells: &Row) -> Result<(Incoming, bool), Unfit> {
    let mut incoming = mapping.read(cells)?;
    let respelled = incoming.draft.tidy();
    Ok((incoming, respelled))
}

/// What a row would change of a customer.
pub(super) fn changes(mapping: &Mapping, cells: &Row, customer: &Customer) -> Option<Changes> {
    let (incoming, _) = read(mapping, cells).ok()?;
    let is_found = incoming.id.is_none() && customer.version > 0;
    let draft = if is_found { incoming.draft.without_pair() } else { incoming.draft };
    Some(Changes::between(customer, &draft.parse().ok()?.without_respellings(customer).over(customer)))
}

/// Who or what has the pair that a row would leave a customer with.
fn in_its_way(after: &Customer, before: &Before<'_>) -> Result<Option<String>, store::Error> {
    if let Some(other) = before.lookup.find_by_pair(after)?.filter(|other| other.id != after.id) {
        return Ok(Some(format!("Customer already exists for the merchant: {}.", other.id.as_str())));
    }
    let line = before.line_of_pair(after)?;
    Ok(line.map(|line| format!("Line {line} has the same email and contact.")))
}

fn words_of(elsewhere: Elsewhere) -> &'static str {
    match elsewhere {
        Elsewhere::OtherMode => "The id is a customer's in the other mode: leave the id out to make another customer.",
        Elsewhere::Erased => "The customer of this id was erased.",
        Elsewhere::Withdrawn => {
            "The customer of this id was withdrawn when an import was undone: redo that import, or leave the id out."
        }
    }
}

fn rejected(id: Option<CustomerId>, after: Option<Customer>, rejection: &Rejection, draft: &Draft) -> Judged {
    let complaint = rejection.first();
    refused(id, after, complaint.field.name().map(str::to_owned), &draft.reason(complaint))
}

fn refused(customer: Option<CustomerId>, after: Option<Customer>, field: Option<String>, words: &str) -> Judged {
    let complaint = Some(Complained { field, words: words.to_owned() });
    Judged { outcome: Outcome::Refused, customer, version: None, after, respelled: false, complaint }
}

//! What a row of a file would do, and what applying it does: decided by the same rules as any edit.

use super::super::Ambient;
use crate::domain::{Changes, Customer, CustomerId, Draft, Edit, Edited, Fate, ImportRow, Mode, Outcome, Rejection};
use crate::rows::{Incoming, Mapping, Row, Unfit};
use crate::store::{self, Complained, Elsewhere, Judged, Looking, Plan, Planned, Stamp};

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
    /// What a row would do to customers as they stand.
    pub(super) fn judge(&self, row: &ImportRow, looking: &Looking<'_>) -> Result<Judged, store::Error> {
        let Some(cells) = row.cells.as_deref().and_then(|cells| Row::from_text(row.line, cells)) else {
            return Ok(refused(None, None, None, "What the row held is gone: its customer was erased."));
        };
        let (incoming, respelled) = match read(&self.mapping, &cells) {
            Ok(read) => read,
            Err(unfit) => return Ok(refused(None, None, Some(unfit.column), &unfit.words)),
        };
        let judged = self.judge_incoming(&incoming, looking)?;
        Ok(Judged { respelled: respelled && matches!(judged.outcome, Outcome::Create | Outcome::Update), ..judged })
    }

    fn judge_incoming(&self, incoming: &Incoming, looking: &Looking<'_>) -> Result<Judged, store::Error> {
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
            Some(id) => match looking.find(id)? {
                Some(customer) => self.update(&customer, &edit, looking),
                None => match looking.find_elsewhere(id)? {
                    Some(where_) => Ok(refused(Some(id.clone()), known, Some("id".into()), words_of(where_))),
                    None => self.create(Some(id.clone()), &edit, looking),
                },
            },
            None => match looking.find_by_pair(&edit.over(&self.blank()))? {
                Some(customer) => match incoming.draft.clone().without_pair().parse() {
                    Ok(edit) => self.update(&customer, &edit, looking),
                    Err(rejection) => Ok(rejected(None, known, &rejection, &incoming.draft)),
                },
                None => self.create(None, &edit, looking),
            },
        }
    }

    fn update(&self, customer: &Customer, edit: &Edit, looking: &Looking<'_>) -> Result<Judged, store::Error> {
        let id = Some(customer.id.clone());
        if let Some(line) = looking.line_of(&customer.id)? {
            let words = format!("Line {line} is about the same customer.");
            return Ok(refused(id, Some(customer.clone()), None, &words));
        }
        let after = match edit.clone().without_respellings(customer).apply(customer) {
            Ok(after) => after,
            Err(rejection) => return Ok(rejected(id, Some(customer.clone()), &rejection, &Draft::default())),
        };
        if let Some(complaint) = in_its_way(&after, looking)? {
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

    fn create(&self, id: Option<CustomerId>, edit: &Edit, looking: &Looking<'_>) -> Result<Judged, store::Error> {
        if let Some(line) = id.as_ref().map(|id| looking.line_of(id)).transpose()?.flatten() {
            return Ok(refused(id, None, Some("id".into()), &format!("Line {line} has the same id.")));
        }
        let after = match edit.apply(&self.blank()) {
            Ok(after) => after,
            Err(rejection) => return Ok(rejected(id, None, &rejection, &Draft::default())),
        };
        if let Some(complaint) = in_its_way(&after, looking)? {
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

    /// What applying a row does.
    pub(super) fn plan(&self, row: ImportRow, stamp: &Stamp, ambient: &Ambient) -> Planned {
        let plan = match row.outcome {
            Some(Outcome::Create) => self.plan_create(&row, stamp, ambient).unwrap_or(Plan::Leave(Fate::Gone)),
            Some(Outcome::Update) => self.plan_update(&row, stamp).unwrap_or(Plan::Leave(Fate::Gone)),
            Some(Outcome::Unchanged) => Plan::Nothing,
            Some(Outcome::Refused | Outcome::Unread) | None => Plan::Refuse,
        };
        Planned { row, plan }
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
fn in_its_way(after: &Customer, looking: &Looking<'_>) -> Result<Option<String>, store::Error> {
    if let Some(other) = looking.find_by_pair(after)?.filter(|other| other.id != after.id) {
        return Ok(Some(format!("Customer already exists for the merchant: {}.", other.id.as_str())));
    }
    let line = looking.line_of_pair(after)?;
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

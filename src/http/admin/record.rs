//! One customer: the record, which is its own form, and its history beside it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

use super::Answer;
use super::erase;
use super::form::{self, Form, FormError};
use super::meeting;
use super::moment::Moment;
use super::page::{Shell, Turned, html, html_with, see_other};
use super::typed::{Typed, TypedNote};
use super::visit::{Editor, Visit};
use super::withdrawn;
use super::words::{Told, changed, who};
use crate::domain::{Actor, Customer, CustomerId, Field, Mode, Notes, Revision, Role, Slice};
use crate::service::{IfTaken, Precondition, Refused, Services};

/// How many revisions stand beside a record.
pub(super) const HISTORY_LEN: u64 = 20;

#[derive(Template)]
#[template(path = "customer.html")]
struct RecordPage {
    shell: Shell,
    may_edit: bool,
    address: String,
    heading: String,
    id: String,
    version: u64,
    contact: String,
    email: String,
    errors: Vec<FormError>,
    lead: String,
    notice: Option<Notice>,
    typed: Typed,
    /// Whether the form holds what no record holds, so that leaving it asks.
    unsaved: bool,
    made: Option<(Moment, String)>,
    edited: Option<(Moment, String)>,
    revisions: Vec<Told>,
    newer: String,
    older: String,
}

/// What has just happened.
struct Notice {
    bold: String,
    text: String,
    /// The version whose revision can be undone from here; 0 for none.
    undo: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// The version that was just saved, and the one that its form was rendered from.
    saved: u64,
    from: u64,
    /// How many revisions to leave out of the history.
    past: u64,
    /// The fields that were tidied, by name, with commas between them.
    tidied: String,
}

pub(super) async fn show(
    visit: Visit,
    path: Path<(String, String)>,
    asked: Query<Asked>,
    services: Data<Services>,
) -> Answer {
    let customer = match fetch(&visit, &path.1, &services).await {
        Ok(customer) => customer,
        Err(turned) => return withdrawn::or_gone(&visit, &path.1, asked.past, turned, &services).await,
    };
    let notice = notice(&visit, &customer, &asked, &services).await?;
    let typed = Typed::of(&customer);
    let page = RecordPage { notice, ..page(&visit, &customer, typed, asked.past, &services).await? };
    Ok(html(&page))
}

/// Saves, or adds and removes rows of notes without saving.
pub(super) async fn save(editor: Editor, path: Path<(String, String)>, form: Form, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let customer = fetch(visit, &path.1, &services).await?;
    let mut typed = Typed::from(&form);
    if change_rows(&mut typed, &form) {
        let page = page(visit, &customer, typed, 0, &services).await?;
        return Ok(html(&RecordPage { unsaved: true, ..page }));
    }
    let caller = visit.caller();
    let at = async |version| {
        services.customers.at(&caller, &customer.id, version).await.map_err(|refused| visit.turned(refused))
    };
    let base = at(typed.revision).await?;
    if !meeting::choose(&mut typed, &form, &base) {
        let first = at(form.value("base").parse().unwrap_or(typed.revision)).await?;
        return meeting::show(visit, &first, &base, &typed, &services).await;
    }
    let (draft, tidied) = (typed.draft(&base), typed.tidied_from(&base));
    let precondition = Precondition::Base(Box::new(base.clone()));
    let refused = match services.customers.edit(&caller, &customer.id, draft, precondition).await {
        Ok(saved) => {
            let to = format!("/customers/{}?saved={}&from={}", saved.id.as_str(), saved.version, typed.revision);
            return Ok(see_other(&visit.to(&with_tidied(to, &tidied))));
        }
        Err(Refused::Conflict(theirs)) => return meeting::show(visit, &base, &theirs, &typed, &services).await,
        Err(refused) => refused,
    };
    let errors = errors(visit, refused, &typed, &services).await?;
    let page = page(visit, &customer, typed, 0, &services).await?;
    Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &page.with(errors)))
}

pub(super) async fn show_new(editor: Editor) -> Answer {
    Ok(html(&new_page(&editor, Typed::default())))
}

/// Makes a customer: the same form on an empty record.
pub(super) async fn create(editor: Editor, form: Form, services: Data<Services>) -> Answer {
    let visit: &Visit = &editor;
    let mut typed = Typed::from(&form);
    if change_rows(&mut typed, &form) {
        return Ok(html(&RecordPage { unsaved: true, ..new_page(visit, typed) }));
    }
    let (draft, tidied) = (typed.draft(&blank(visit.mode)), typed.tidied_from(&blank(visit.mode)));
    match services.customers.create(&visit.caller(), draft, IfTaken::Refuse).await {
        Ok(made) => {
            let to = format!("/customers/{}?saved=1", made.id.as_str());
            Ok(see_other(&visit.to(&with_tidied(to, &tidied))))
        }
        Err(refused) => {
            let errors = errors(visit, refused, &typed, &services).await?;
            Ok(html_with(StatusCode::UNPROCESSABLE_ENTITY, &new_page(visit, typed).with(errors)))
        }
    }
}

/// The address after a save, so that the page says which fields were tidied.
fn with_tidied(to: String, tidied: &[&str]) -> String {
    if tidied.is_empty() { to } else { format!("{to}&tidied={}", tidied.join(",")) }
}

/// Does what the buttons at the notes say; gives whether one was pressed.
fn change_rows(typed: &mut Typed, form: &Form) -> bool {
    if form.has("add") {
        if typed.notes.len() < Notes::PAIRS_MAX {
            typed.notes.push(TypedNote::default());
        }
        return true;
    }
    let row = form.value("remove").parse().ok().and_then(|number: usize| number.checked_sub(1));
    if let Some(row) = row.filter(|row| *row < typed.notes.len()) {
        typed.notes.remove(row);
    }
    form.has("remove")
}

/// A customer by the id in the address; where there is none, a page that says where else to look, or that they were erased.
pub(super) async fn fetch(visit: &Visit, id: &str, services: &Services) -> Result<Customer, Turned> {
    let mode = visit.mode.as_str();
    let other = if visit.mode == Mode::Live { "test" } else { "live" };
    let nobody = |why: String| {
        let turned = Turned::not_found().saying(format!("There is no {mode} customer here"), why);
        visit.turned(turned).with_ways(vec![(visit.to("/customers"), format!("Find a {mode} customer"))])
    };
    let id = CustomerId::parse(id)
        .map_err(|_| nobody(format!("The address ends in {id}, which is no customer's id. It may be mistyped.")))?;
    let refused = match services.customers.fetch(&visit.caller(), &id).await {
        Ok(customer) => return Ok(customer),
        Err(refused) => refused,
    };
    if let Some(held) = withdrawn::find(visit, id.as_str(), Slice { count: 1, skip: 0 }, services).await? {
        return Err(withdrawn::instead(visit, &held.customer));
    }
    let erasure = services.erasures.fact(visit.mode, &id).await.map_err(|refused| visit.turned(refused))?;
    Err(match (refused, erasure) {
        (Refused::NotFound, Some(erasure)) => erase::instead(visit, &erasure),
        (Refused::NotFound, None) => {
            let id = id.as_str();
            let why = format!(
                "The address ends in {id}. Nobody of this id was ever erased here, so it may be mistyped, or belong to {other}."
            );
            nobody(why).with_ways(vec![
                (visit.in_other_mode(&format!("/customers/{id}")), format!("Look for this id in {other}")),
                (visit.to("/customers"), format!("Find a {mode} customer")),
            ])
        }
        (refused, _) => visit.turned(refused),
    })
}

/// What to call a customer: by the name, else by what there is.
pub(super) fn heading(customer: &Customer) -> String {
    let fields = [Field::Name, Field::Contact, Field::Email];
    fields.into_iter().find_map(|field| customer.text(field)).unwrap_or("No name").to_owned()
}

async fn page(
    visit: &Visit,
    customer: &Customer,
    typed: Typed,
    past: u64,
    services: &Services,
) -> Result<RecordPage, Turned> {
    let caller = visit.caller();
    let slice = |count, skip| services.customers.history(&caller, &customer.id, Slice { count, skip });
    let revisions = slice(HISTORY_LEN, past).await.map_err(|refused| visit.turned(refused))?;
    let ends = [slice(1, 0).await, slice(1, customer.version.saturating_sub(1)).await];
    let [newest, first] = ends.map(|end| end.map(|revisions| revisions.first().map(end_of)));
    let newest = newest.map_err(|refused| visit.turned(refused))?;
    let first = first.map_err(|refused| visit.turned(refused))?;
    let text = |field| customer.text(field).unwrap_or_default().to_owned();
    let address = visit.to(&format!("/customers/{}", customer.id.as_str()));
    let part = |past: u64| format!("{address}?past={past}#history");
    let next = past + revisions.len() as u64;
    Ok(RecordPage {
        shell: Shell::new(visit, "/customers"),
        may_edit: visit.may(Role::Editor),
        heading: heading(customer),
        id: customer.id.as_str().to_owned(),
        version: customer.version,
        contact: text(Field::Contact),
        email: text(Field::Email),
        errors: Vec::new(),
        lead: String::new(),
        notice: None,
        typed,
        unsaved: false,
        made: first,
        edited: newest.filter(|_| customer.version > 1),
        newer: if past == 0 { String::new() } else { part(past.saturating_sub(HISTORY_LEN)) },
        older: if next < customer.version && !revisions.is_empty() { part(next) } else { String::new() },
        revisions: revisions.iter().map(Told::of).collect(),
        address,
    })
}

/// When one end of a history was, and by whom.
fn end_of(revision: &Revision) -> (Moment, String) {
    let by = match &revision.actor {
        Actor::Key { .. } => format!("the key {}", who(&revision.actor)),
        Actor::Command { .. } => "the command line".to_owned(),
        Actor::Staff { .. } => who(&revision.actor),
    };
    (Moment(revision.at), by)
}

fn new_page(visit: &Visit, typed: Typed) -> RecordPage {
    RecordPage {
        shell: Shell::new(visit, "/customers"),
        may_edit: true,
        address: visit.to("/customers"),
        heading: format!("New {} customer", visit.mode.as_str()),
        id: String::new(),
        version: 0,
        contact: String::new(),
        email: String::new(),
        errors: Vec::new(),
        lead: String::new(),
        notice: None,
        typed,
        unsaved: false,
        made: None,
        edited: None,
        revisions: Vec::new(),
        newer: String::new(),
        older: String::new(),
    }
}

pub(super) fn blank(mode: Mode) -> Customer {
    Customer::blank(CustomerId::stored(String::new()), mode, 0)
}

impl RecordPage {
    /// What is to mend at one note, counted from 1.
    fn errors_of(&self, number: &usize) -> Vec<&FormError> {
        form::of(&self.errors, &format!("note-{number}"))
    }

    /// What is to mend about the notes as a whole.
    fn errors_of_notes(&self) -> Vec<&FormError> {
        form::of(&self.errors, "notes")
    }

    fn with(self, errors: Vec<FormError>) -> Self {
        let lead = match errors.len() {
            1 => "Nothing is saved yet: one thing to mend".to_owned(),
            count => format!("Nothing is saved yet: {count} things to mend"),
        };
        Self { errors, lead, unsaved: true, ..self }
    }
}

/// What to mend, where a refusal is about the form; else the page that stands in.
async fn errors(visit: &Visit, refused: Refused, typed: &Typed, services: &Services) -> Result<Vec<FormError>, Turned> {
    match refused {
        Refused::Invalid(rejection) => Ok(typed.errors(&rejection)),
        Refused::Taken(id) => {
            let other =
                services.customers.fetch(&visit.caller(), &id).await.map_err(|refused| visit.turned(refused))?;
            Ok(vec![FormError {
                href: visit.to(&format!("/customers/{}", id.as_str())),
                link: heading(&other),
                ..FormError::new("contact", "Another customer has this email and contact together:")
            }])
        }
        refused => Err(visit.turned(refused)),
    }
}

/// What a save did, told from the history: what was changed, and what others changed meanwhile.
async fn notice(
    visit: &Visit,
    customer: &Customer,
    asked: &Asked,
    services: &Services,
) -> Result<Option<Notice>, Turned> {
    if asked.saved == 0 || asked.saved > customer.version {
        return Ok(None);
    }
    let bold = format!("Saved to {}.", visit.mode.as_str());
    let tidied = tidied_words(customer, &asked.tidied);
    if asked.saved == asked.from {
        let text = format!("It was so already.{tidied}");
        return Ok(Some(Notice { bold: "Nothing was changed.".into(), text, undo: 0 }));
    }
    // Few people save at once; of many only the last are told.
    let count = asked.saved.saturating_sub(asked.from).min(HISTORY_LEN);
    let slice = Slice { count, skip: customer.version - asked.saved };
    let revisions = services.customers.history(&visit.caller(), &customer.id, slice).await;
    let revisions = revisions.map_err(|refused| visit.turned(refused))?;
    let Some((mine, others)) = revisions.split_first() else { return Ok(None) };
    let meanwhile: Vec<String> = others
        .iter()
        .filter(|_| asked.from > 0)
        .map(|other| format!("{} {}", who(&other.actor), changed(&other.changes)))
        .collect();
    let mut text = match mine.undoes {
        _ if mine.version == 1 => "You made this customer.".to_owned(),
        Some(version) => format!("You undid revision {version}."),
        None => format!("You {}.", changed(&mine.changes)),
    };
    text.push_str(&tidied);
    if !meanwhile.is_empty() {
        text.push_str(&format!(" Meanwhile {}; both are kept.", meanwhile.join(", ")));
    }
    Ok(Some(Notice { bold, text, undo: if mine.version > 1 { mine.version } else { 0 } }))
}

/// Says in which characters the fields were saved that were typed in others.
fn tidied_words(customer: &Customer, tidied: &str) -> String {
    let fields = [Field::Name, Field::Email, Field::Contact].into_iter();
    let fields = fields.filter_map(|field| Some((field.name()?, customer.text(field)?)));
    let words = fields.filter(|(name, _)| tidied.split(',').any(|each| each == *name));
    words.map(|(name, value)| format!(" The {name} was tidied to “{value}”.")).collect()
}

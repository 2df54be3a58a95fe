//! Two people at one customer: the page on which the second chooses, value by value, and nothing is lost either way.

use actix_web::http::StatusCode;
use askama::Template;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::Answer;
use super::form::Form;
use super::moment::Moment;
use super::page::{Shell, html_with};
use super::record::heading;
use super::typed::Typed;
use super::visit::Visit;
use super::words::{part_label, who};
use crate::domain::meeting::{Meeting, Met};
use crate::domain::{Customer, Field, NoteValue, Part, Slice};
use crate::service::Services;

/// What is encoded in the name of a part.
const IN_PART: &AsciiSet = &CONTROLS.add(b'%');

#[derive(Template)]
#[template(path = "conflict.html")]
struct ConflictPage {
    shell: Shell,
    address: String,
    heading: String,
    /// Who saved last, and when.
    who: String,
    at: Moment,
    /// The version that mine started from.
    base: u64,
    /// What the form holds: theirs, with mine where only I changed it or where we clash.
    typed: Typed,
    clashes: Vec<Shown>,
    mine: Vec<Shown>,
    theirs: Vec<Shown>,
}

struct Shown {
    part: String,
    label: String,
    base: Option<String>,
    mine: Option<String>,
    theirs: Option<String>,
}

impl Shown {
    fn of(met: Met) -> Self {
        let text = |value: Option<NoteValue>| value.map(|value| value.as_str().to_owned());
        Self {
            part: name_of(&met.part),
            label: part_label(&met.part),
            base: text(met.base),
            mine: text(met.mine),
            theirs: text(met.theirs),
        }
    }
}

/// Shows where an edit that started from `base` clashes with the customer as it stands.
pub(super) async fn show(
    visit: &Visit,
    base: &Customer,
    theirs: &Customer,
    typed: &Typed,
    services: &Services,
) -> Answer {
    let edit = typed.draft(base).parse();
    let edit = edit.map_err(|rejection| visit.turned(crate::service::Refused::Invalid(rejection)))?;
    let meeting = Meeting::of(base, &edit.over(base), theirs);
    let newest = services.customers.history(&visit.caller(), &theirs.id, Slice { count: 1, skip: 0 }).await;
    let newest = newest.map_err(|refused| visit.turned(refused))?;
    let (who, at) = newest.first().map_or(("Somebody".to_owned(), 0), |newest| (who(&newest.actor), newest.at));
    let shown = |met: Vec<Met>| met.into_iter().map(Shown::of).collect();
    let page = ConflictPage {
        shell: Shell::new(visit, "/customers"),
        address: visit.to(&format!("/customers/{}", theirs.id.as_str())),
        heading: heading(theirs),
        who,
        at: Moment(at),
        base: base.version,
        typed: Typed {
            revision: theirs.version,
            tidied: typed.tidied_from(base).into_iter().map(str::to_owned).collect(),
            ..Typed::of(&edit.over(theirs))
        },
        clashes: shown(meeting.clashes),
        mine: shown(meeting.mine),
        theirs: shown(meeting.theirs),
    };
    Ok(html_with(StatusCode::CONFLICT, &page))
}

/// Takes the choices of that page into what was typed; `theirs` is the customer that it showed. Gives whether every clash has
/// its choice.
pub(super) fn choose(typed: &mut Typed, form: &Form, theirs: &Customer) -> bool {
    let clashes: Vec<&str> = form.values("clash").collect();
    clashes.into_iter().enumerate().all(|(at, name)| {
        let choice = format!("choice-{}", at + 1);
        match form.value(&choice) {
            "mine" => true,
            "theirs" => {
                if let Some(part) = part_of(name) {
                    typed.put(&part, theirs);
                }
                true
            }
            _ => false,
        }
    })
}

/// A part's name in a form: a field's own, or a note's key behind a mark, encoded: browsers change line ends.
fn name_of(part: &Part) -> String {
    match part {
        Part::Field(field) => field.name().unwrap_or_default().to_owned(),
        Part::Note(key) => format!("note:{}", utf8_percent_encode(key, IN_PART)),
    }
}

fn part_of(name: &str) -> Option<Part> {
    if let Some(key) = name.strip_prefix("note:") {
        return Some(Part::Note(percent_decode_str(key).decode_utf8_lossy().into_owned()));
    }
    let fields = [Field::Name, Field::Email, Field::Contact, Field::Gstin];
    fields.into_iter().find(|field| field.name() == Some(name)).map(Part::Field)
}

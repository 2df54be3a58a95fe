//! History in words: who did what, and which value became which.

use super::moment::Moment;
use crate::domain::{Actor, Changes, Erasure, Field, ImportHappened, NoteValue, Part, Passage, Revision};

/// One revision, to be read.
pub(super) struct Told {
    pub(super) version: u64,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) at: Moment,
    pub(super) request_id: String,
    /// The record of the request that it came by.
    pub(super) request: Option<i64>,
    /// The import that it belongs to.
    pub(super) import: Option<i64>,
    /// Whether it changes values, and can be undone by itself.
    pub(super) is_edit: bool,
    pub(super) diff: Vec<Became>,
}

/// One value before and after.
pub(super) struct Became {
    pub(super) label: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

impl Told {
    pub(super) fn of(revision: &Revision) -> Self {
        Self {
            version: revision.version,
            who: who(&revision.actor),
            what: what(revision),
            at: Moment(revision.at),
            request_id: match revision.actor {
                Actor::Key { .. } => revision.request_id.clone().unwrap_or_default(),
                Actor::Staff { .. } | Actor::Command { .. } => String::new(),
            },
            request: revision.request.map(|number| number.0),
            import: revision.import,
            is_edit: revision.version > 1 && revision.passage.is_none(),
            diff: diff(&revision.changes),
        }
    }

    /// A step of an import, which is about many customers.
    pub(super) fn of_import(imported: &ImportHappened) -> Self {
        Self {
            version: 0,
            who: who(&imported.actor),
            what: format!("did this with import {}", imported.import),
            at: Moment(imported.at),
            request_id: String::new(),
            request: None,
            import: None,
            is_edit: false,
            diff: Vec::new(),
        }
    }

    /// An erasure, which has no version and no values.
    pub(super) fn of_erasure(erasure: &Erasure) -> Self {
        Self {
            version: 0,
            who: who(&erasure.actor),
            what: "erased this customer".to_owned(),
            at: Moment(erasure.at),
            request_id: String::new(),
            request: None,
            import: None,
            is_edit: false,
            diff: Vec::new(),
        }
    }
}

/// A key by its label, a person by their email.
pub(super) fn who(actor: &Actor) -> String {
    match actor {
        Actor::Key { id, label } if label.is_empty() => format!("The key {}", id.as_str()),
        Actor::Key { label, .. } => label.clone(),
        Actor::Staff { email, .. } => email.clone(),
        Actor::Command { .. } => "Command line".to_owned(),
    }
}

fn what(revision: &Revision) -> String {
    let done = match (revision.passage, revision.version, revision.undoes) {
        (Some(Passage::Withdrawn), ..) => "withdrew this customer".to_owned(),
        (Some(Passage::Returned), ..) => "brought this customer back".to_owned(),
        (None, 1, _) => "made this customer".to_owned(),
        (.., Some(version)) => format!("undid revision {version}"),
        _ => changed(&revision.changes),
    };
    revision.import.map_or(done.clone(), |number| format!("{done} with import {number}"))
}

/// `changed email, contact and a note`; of a single value, whether it was set, changed or removed.
pub(super) fn changed(changes: &Changes) -> String {
    let single = match (changes.fields.as_slice(), changes.notes.as_slice()) {
        ([field], []) => Some((label_in_text(field.field).to_owned(), field.from.is_none(), field.to.is_none())),
        ([], [note]) => Some(("a note".to_owned(), note.from.is_none(), note.to.is_none())),
        _ => None,
    };
    match single {
        Some((name, true, _)) if name == "a note" => "added a note".to_owned(),
        Some((name, true, _)) => format!("set {name}"),
        Some((name, _, true)) => format!("removed {name}"),
        Some((name, ..)) => format!("changed {name}"),
        None => format!("changed {}", listed(changes)),
    }
}

fn listed(changes: &Changes) -> String {
    let mut names: Vec<String> = changes.fields.iter().map(|change| label_in_text(change.field).to_owned()).collect();
    match changes.notes.len() {
        0 if changes.note_order.is_some() => names.push("the order of the notes".to_owned()),
        0 => {}
        1 => names.push("a note".to_owned()),
        count => names.push(format!("{count} notes")),
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "nothing".to_owned(),
    }
}

pub(super) fn diff(changes: &Changes) -> Vec<Became> {
    let text = |value: &Option<NoteValue>| value.as_ref().map(|value| value.as_str().to_owned());
    let fields = changes.fields.iter().map(|change| Became {
        label: label(change.field).to_owned(),
        from: change.from.clone(),
        to: change.to.clone(),
    });
    let notes = changes.notes.iter().map(|change| Became {
        label: change.key.clone(),
        from: text(&change.from),
        to: text(&change.to),
    });
    fields.chain(notes).collect()
}

/// A field's name, as it stands before a line.
pub(super) fn label(field: Field) -> &'static str {
    match field {
        Field::Name => "Name",
        Field::Email => "Email",
        Field::Contact => "Contact",
        Field::Gstin => "GSTIN",
        Field::Notes => "Notes",
        Field::Extra | Field::FailExisting | Field::Customer => "Record",
    }
}

fn label_in_text(field: Field) -> &'static str {
    match field {
        Field::Gstin => "GSTIN",
        other => other.name().unwrap_or("the record"),
    }
}

/// A part's name as HTML: a note's key in italics.
pub(super) fn part_label(part: &Part) -> String {
    match part {
        Part::Field(field) => label(*field).to_owned(),
        Part::Note(key) => {
            let escaped = askama::filters::escape(key, askama::filters::Html);
            escaped.map_or_else(|never| match never {}, |key| format!("Note <i>{key}</i>"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FieldChange, NoteChange};

    fn changes(fields: &[(Field, Option<&str>, Option<&str>)], notes: &[(&str, bool, bool)]) -> Changes {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let value = |there: bool| there.then_some(NoteValue::Bool(true));
        Changes {
            fields: fields
                .iter()
                .map(|(field, from, to)| FieldChange { field: *field, from: text(*from), to: text(*to) })
                .collect(),
            notes: notes
                .iter()
                .map(|(key, from, to)| NoteChange { key: (*key).to_owned(), from: value(*from), to: value(*to) })
                .collect(),
            note_order: None,
        }
    }

    #[test]
    fn an_edit_is_told_in_few_words() {
        let some = Some("x");
        for (fields, notes, words) in [
            (&[(Field::Gstin, None, some)][..], &[][..], "set GSTIN"),
            (&[(Field::Contact, some, some)], &[], "changed contact"),
            (&[(Field::Contact, some, None)], &[], "removed contact"),
            (&[], &[("a", false, true)], "added a note"),
            (&[], &[("a", true, false)], "removed a note"),
            (
                &[(Field::Name, some, some), (Field::Email, some, some)],
                &[("a", true, true)],
                "changed name, email and a note",
            ),
            (&[(Field::Name, some, some)], &[("a", true, true), ("b", true, true)], "changed name and 2 notes"),
        ] {
            assert_eq!(changed(&changes(fields, notes)), words);
        }
    }

    #[test]
    fn a_notes_key_is_no_markup() {
        assert_eq!(part_label(&Part::Note("<b>".into())), "Note <i>&#60;b&#62;</i>");
    }
}

//! How one asks for a change to a customer: a draft of text, and the edit that it parses to.

use std::collections::HashSet;

use super::{
    Complaint, Contact, Customer, Email, Field, Gstin, Invalid, Name, NoteValue, Notes, Rejection, is_same_text,
};

/// What a request does to one field: settles absent, null and empty for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// Not sent: the field keeps its value.
    #[default]
    Keep,
    /// Sent as null or empty: the field loses its value.
    Clear,
    /// Sent: the field takes this value.
    Set(T),
}

impl<T> Change<T> {
    fn try_map<U, E>(self, parse: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        Ok(match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(parse(value)?),
        })
    }
}

impl<T: Clone> Change<T> {
    fn apply(&self, before: &Option<T>) -> Option<T> {
        match self {
            Self::Keep => before.clone(),
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

/// What a request does to the notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NotesEdit<N> {
    /// Not sent: they stay.
    #[default]
    Keep,
    /// These and no others: what a request of the API says.
    Replace(N),
    /// The notes under these keys get a value, or go; the others stay: what a form says.
    Each(Vec<(String, Option<NoteValue>)>),
}

impl NotesEdit<Vec<(String, NoteValue)>> {
    fn judged(self, complaints: &mut Vec<Complaint>) -> NotesEdit<Notes> {
        match self {
            Self::Keep => NotesEdit::Keep,
            Self::Replace(pairs) => Notes::parse(pairs).map(NotesEdit::Replace).unwrap_or_else(|invalid| {
                complaints.push(Complaint::of(Field::Notes, invalid));
                NotesEdit::Keep
            }),
            Self::Each(each) => {
                // More than may ever stand together need not wait for the row to be judged.
                if each.iter().filter(|(_, value)| value.is_some()).count() > Notes::PAIRS_MAX {
                    complaints.push(Complaint::of(Field::Notes, Notes::TOO_MANY));
                }
                let mut seen = HashSet::new();
                for (key, value) in &each {
                    let once = if seen.insert(key) { Ok(()) } else { Err(Notes::TWICE) };
                    let judged = once.and_then(|()| Notes::judge(key, value.as_ref()));
                    complaints.extend(judged.err().map(|invalid| Complaint::of_note(key, invalid)));
                }
                NotesEdit::Each(each)
            }
        }
    }
}

impl NotesEdit<Notes> {
    fn apply(&self, before: &Notes) -> Notes {
        match self {
            Self::Keep => before.clone(),
            Self::Replace(notes) => notes.clone(),
            Self::Each(each) => {
                let mut notes = before.clone();
                for (key, value) in each {
                    notes.put(key, value.as_ref());
                }
                notes
            }
        }
    }
}

/// What was asked, still text. Both doors make one; what a door itself found wrong travels with it as complaints.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The name asked for.
    pub name: Change<String>,
    /// The email asked for.
    pub email: Change<String>,
    /// The contact asked for.
    pub contact: Change<String>,
    /// The GSTIN asked for.
    pub gstin: Change<String>,
    /// The notes asked for.
    pub notes: NotesEdit<Vec<(String, NoteValue)>>,
    /// What could not even be made text.
    pub complaints: Vec<Complaint>,
}

impl Draft {
    /// Replaces the typographic apostrophes, hyphens and spaces in the name and the email. Gives whether there were any.
    pub fn tidy(&mut self) -> bool {
        let tidy = |field: Field, change: &mut Change<String>| {
            let Change::Set(text) = change else { return false };
            let tidied = field.tidy(text).ok().filter(|tidied| tidied != text);
            tidied.map(|tidied| *text = tidied).is_some()
        };
        let is_name_tidied = tidy(Field::Name, &mut self.name);
        tidy(Field::Email, &mut self.email) || is_name_tidied
    }

    /// Says to people why a field was refused, with the character to blame where there is one.
    pub fn reason(&self, complaint: &Complaint) -> String {
        let text = match complaint.field {
            Field::Name => &self.name,
            Field::Email => &self.email,
            _ => &Change::Keep,
        };
        let fault = if let Change::Set(text) = text { complaint.field.fault(text) } else { None };
        fault.unwrap_or_else(|| complaint.invalid.words().to_owned())
    }

    /// Judges every field. The only way to an [`Edit`].
    pub fn parse(self) -> Result<Edit, Rejection> {
        let mut complaints = self.complaints;
        let edit = Edit {
            name: judged(Field::Name, self.name.try_map(|text| Name::parse(&text)), &mut complaints),
            email: judged(Field::Email, self.email.try_map(|text| Email::parse(&text)), &mut complaints),
            contact: judged(Field::Contact, self.contact.try_map(|text| Contact::parse(&text)), &mut complaints),
            gstin: judged(Field::Gstin, self.gstin.try_map(|text| Gstin::parse(&text)), &mut complaints),
            notes: self.notes.judged(&mut complaints),
        };
        Rejection::of(complaints).map_or(Ok(edit), Err)
    }
}

fn judged<T>(field: Field, change: Result<Change<T>, Invalid>, complaints: &mut Vec<Complaint>) -> Change<T> {
    change.unwrap_or_else(|invalid| {
        complaints.push(Complaint::of(field, invalid));
        Change::Keep
    })
}

/// A draft that broke no rule.
#[derive(Clone, Debug)]
pub struct Edit {
    name: Change<Name>,
    email: Change<Email>,
    contact: Change<Contact>,
    gstin: Change<Gstin>,
    notes: NotesEdit<Notes>,
}

impl Edit {
    /// The customer after this edit, if it may be so; its version is still the one before.
    pub fn apply(&self, before: &Customer) -> Result<Customer, Rejection> {
        self.over(before).judged()
    }

    /// The same without what the customer has in another normal form: macOS decomposes the é that Windows composes, and a file that
    /// went through it changes nothing.
    pub fn without_respellings(self, before: &Customer) -> Self {
        let is_same = |name: &Name| before.name.as_ref().is_some_and(|was| is_same_text(was.as_str(), name.as_str()));
        let name = if matches!(&self.name, Change::Set(name) if is_same(name)) { Change::Keep } else { self.name };
        let notes = match self.notes {
            NotesEdit::Keep => NotesEdit::Keep,
            NotesEdit::Replace(notes) => {
                let mut pairs: Vec<_> =
                    notes.pairs().iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
                respell(&mut pairs, &before.notes);
                let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
                NotesEdit::Replace(Notes::stored(pairs.collect()))
            }
            NotesEdit::Each(mut each) => {
                respell(&mut each, &before.notes);
                NotesEdit::Each(each)
            }
        };
        Self { name, notes, ..self }
    }

    /// What this edit would make of a customer, whether or not that may be.
    pub fn over(&self, before: &Customer) -> Customer {
        Customer {
            name: self.name.apply(&before.name),
            email: self.email.apply(&before.email),
            contact: self.contact.apply(&before.contact),
            gstin: self.gstin.apply(&before.gstin),
            notes: self.notes.apply(&before.notes),
            ..before.clone()
        }
    }
}

/// Gives keys and values the spelling in which notes have them.
fn respell(pairs: &mut [(String, Option<NoteValue>)], notes: &Notes) {
    for at in 0..pairs.len() {
        let is_free = |key: &str| pairs.iter().all(|(each, _)| each != key);
        let same = notes.pairs().iter().find(|(key, _)| *key == pairs[at].0);
        let same =
            same.or_else(|| notes.pairs().iter().find(|(key, _)| is_same_text(key, &pairs[at].0) && is_free(key)));
        let Some((key, was)) = same else { continue };
        let (new_key, value) = &mut pairs[at];
        new_key.clone_from(key);
        if let (Some(NoteValue::Text(text)), NoteValue::Text(was)) = (value, was)
            && is_same_text(text, was)
        {
            text.clone_from(was);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, Mode};

    #[test]
    fn a_rejection_holds_every_complaint_in_the_order_of_judgement() {
        let draft = Draft {
            gstin: Change::Set("x".into()),
            name: Change::Set("x".into()),
            complaints: vec![Complaint::of(Field::Extra, Invalid::extra(&["a", "b"]))],
            ..Draft::default()
        };
        let rejection = draft.parse().unwrap_err();
        let words: Vec<&str> = rejection.complaints().iter().map(|complaint| complaint.invalid.words()).collect();
        assert_eq!(
            words,
            [
                "a, b is/are not required and should not be sent",
                "The name format is invalid.",
                "The gstin field is invalid."
            ]
        );
    }

    fn each(each: Vec<(&str, Option<&str>)>) -> Draft {
        let note = |text: &str| NoteValue::Text(text.to_owned());
        let each = each.into_iter().map(|(key, value)| (key.to_owned(), value.map(note))).collect();
        Draft { notes: NotesEdit::Each(each), ..Draft::default() }
    }

    fn with_notes(count: usize) -> Customer {
        let notes = (0..count).map(|at| (format!("key {at}"), NoteValue::Bool(true))).collect();
        let blank = Customer::blank(CustomerId::stored("cust_1Aa00000000004".into()), Mode::Test, 0);
        Customer { name: Some(Name::stored("Gaurav".into())), notes: Notes::stored(notes), ..blank }
    }

    #[test]
    fn a_complaint_names_the_note_to_blame() {
        let long = "x".repeat(257);
        let draft = each(vec![("a", Some(&long)), ("b", Some("1")), (&long, None), ("b", None), ("c\0", Some(""))]);
        let rejection = draft.parse().unwrap_err();
        let blamed: Vec<_> =
            rejection.complaints().iter().map(|each| (each.note.as_deref(), each.invalid.words())).collect();
        assert_eq!(
            blamed,
            [
                (Some("a"), "Notes value cannot be greater than 256 characters."),
                (Some(long.as_str()), "Notes key cannot be greater than 256 characters."),
                (Some("b"), "Notes may not have the same key twice."),
                (Some("c\0"), "Notes may not contain null characters."),
            ]
        );
    }

    #[test]
    fn notes_are_counted_where_they_come_together() {
        let one_more = each(vec![("new", Some("1"))]).parse().unwrap();
        assert_eq!(one_more.apply(&with_notes(14)).unwrap().notes.pairs().len(), 15);
        let words = one_more.apply(&with_notes(15)).unwrap_err().first().clone();
        assert_eq!(words, Complaint::of(Field::Notes, Notes::TOO_MANY));
        let instead = each(vec![("new", Some("1")), ("key 3", None), ("never", None)]).parse().unwrap();
        assert_eq!(instead.apply(&with_notes(15)).unwrap().notes.pairs().len(), 15);
        let keys: Vec<String> = (0..16).map(|at| at.to_string()).collect();
        let sixteen = keys.iter().map(|key| (key.as_str(), Some("1"))).collect();
        assert_eq!(each(sixteen).parse().unwrap_err().first().invalid, Notes::TOO_MANY);
    }

    #[test]
    fn nothing_to_know_a_customer_by_is_rejected_whatever_else_is_wrong() {
        let draft = Draft { name: Change::Clear, ..each(vec![("new", Some("1"))]) };
        let rejection = draft.parse().unwrap().apply(&with_notes(15)).unwrap_err();
        let fields: Vec<Field> = rejection.complaints().iter().map(|complaint| complaint.field).collect();
        assert_eq!(fields, [Field::Notes, Field::Customer]);
    }
}

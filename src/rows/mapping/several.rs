//! Values that several columns have a part in: a name in parts, and the best of several phone numbers. The rest are notes.

use super::super::guess;
use super::incoming::{Cell, change, is_empty, put};
use super::{Empty, Mapping, Phones};
use crate::domain::{Change, Complaint, Contact, Draft, Field, Invalid, Notes};
use crate::json::{Json, note_value, whole_digits};

/// The separator that Google Contacts puts between several values in a cell.
pub(super) const JOINT: &str = " ::: ";
const NOT_WHOLE: &str = "The phone number is a JSON number that is not whole: give its digits, as text.";

impl Mapping {
    /// Takes the name, or else its parts. Parts that a name does not have are notes.
    pub(super) fn take_name(&self, draft: &mut Draft, name: Option<Cell<'_>>, parts: Vec<Cell<'_>>) {
        if let Some((_, whole)) =
            name.filter(|(_, cell)| !is_empty(cell) || parts.iter().all(|(_, part)| is_empty(part)))
        {
            let words: Vec<String> = match &whole {
                Json::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
                _ => Vec::new(),
            };
            let is_in = |text: &str| text.split_whitespace().all(|word| words.iter().any(|each| each == word));
            let are_in =
                parts.iter().all(|(_, part)| is_empty(part) || matches!(part, Json::Text(text) if is_in(text)));
            for (column, part) in parts.into_iter().filter(|_| !are_in) {
                self.take_note(draft, column, part);
            }
            if !is_empty(&whole) || self.empty == Empty::Clear {
                draft.name = change(Field::Name, whole, &mut draft.complaints);
            }
            return;
        }
        let has_parts = !parts.is_empty();
        let (mut joined, mut odd) = (Vec::new(), None);
        for (_, part) in parts.into_iter().filter(|(_, part)| !is_empty(part)) {
            match part {
                Json::Text(text) => joined.push(text),
                other => odd = Some(other),
            }
        }
        let cell = odd.unwrap_or_else(|| Json::Text(joined.join(" ")));
        if !is_empty(&cell) || has_parts && self.empty == Empty::Clear {
            draft.name = change(Field::Name, cell, &mut draft.complaints);
        }
    }

    /// The first of several values in a cell, and the others.
    pub(super) fn first_of(column: &str, cell: Json) -> (Json, Option<String>) {
        match cell {
            Json::Text(text) if guess::is_joined(column) => match text.split_once(JOINT) {
                Some((first, others)) => (Json::Text(first.trim().to_owned()), Some(others.trim().to_owned())),
                None => (Json::Text(text), None),
            },
            cell => (cell, None),
        }
    }

    /// Takes the first phone number that there is, best column first, and the others as notes.
    pub(super) fn take_contact(&self, draft: &mut Draft, cells: Vec<Cell<'_>>) {
        let mut chosen: Option<String> = None;
        let has_any = !cells.is_empty();
        for (column, cell) in cells {
            if chosen.is_none() && is_empty(&cell) {
                continue;
            }
            let (first, others) = Self::first_of(column, cell.clone());
            let number = match &first {
                Json::Text(text) if self.phones == Phones::Cleaned || chosen.is_some() => Contact::tidy(text),
                Json::Text(text) => Ok(text.clone()),
                // As the API reads it: floating point would change digits.
                Json::Number(literal) => whole_digits(literal).ok_or_else(|| NOT_WHOLE.to_owned()),
                _ => Err(Invalid::not_text(Field::Contact).words().to_owned()),
            };
            if let Some(chosen) = &chosen {
                // The same number in two columns is one.
                if number.as_ref() != Ok(chosen) {
                    self.take_note(draft, column, cell);
                } else if let Some(others) = others {
                    self.take_note(draft, column, Json::Text(others));
                }
                continue;
            }
            let number = match number {
                Ok(number) => number,
                Err(words) => {
                    draft.complaints.push(Complaint::of(Field::Contact, Invalid::untidy(words)));
                    return;
                }
            };
            if !number.is_empty() {
                draft.contact = Change::Set(number.clone());
                chosen = Some(number);
                if let Some(others) = others {
                    self.take_note(draft, column, Json::Text(others));
                }
            }
        }
        if chosen.is_none() && has_any && self.empty == Empty::Clear {
            draft.contact = Change::Clear;
        }
    }

    /// Takes a note of the column's name.
    pub(super) fn take_note(&self, draft: &mut Draft, column: &str, cell: Json) {
        if is_empty(&cell) {
            if self.empty == Empty::Clear {
                put(draft, column, None);
            }
            return;
        }
        match note_value(cell) {
            Some(value) => put(draft, column, Some(value)),
            None => draft.complaints.push(Complaint::of_note(column, Notes::NOT_SCALAR)),
        }
    }
}

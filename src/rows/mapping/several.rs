//! Values that several columns have a part in: a name in parts, and the best of several phone numbers. The rest are notes.

use super::incoming::{Cell, change, is_empty, put};
use super::{Empty, Mapping, Phones};
use crate::domain::{Change, Complaint, Contact, Draft, Field, Invalid, Notes};
use crate::json::{Json, note_value};

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
            let are_in = parts.iter().all(|(_, part)| matches!(part, Json::Text(text) if is_in(text)));
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
        for (_, part) in parts {
            match part {
                Json::Text(text) if text.is_empty() => {}
                Json::Null => {}
                Json::Text(text) => joined.push(text),
                other => odd = Some(other),
            }
        }
        let cell = odd.unwrap_or_else(|| Json::Text(joined.join(" ")));
        if !is_empty(&cell) || has_parts && self.empty == Empty::Clear {
            draft.name = change(Field::Name, cell, &mut draft.complaints);
        }
    }

    /// Takes the first phone number that there is, best column first, and the others as notes.
    pub(super) fn take_contact(&self, draft: &mut Draft, cells: Vec<Cell<'_>>) {
        let mut chosen: Option<String> = None;
        let has_any = !cells.is_empty();
        for (column, cell) in cells {
            let text = match &cell {
                Json::Text(text) | Json::Number(text) => Some(text.as_str()),
                _ => None,
            };
            if let Some(chosen) = &chosen {
                // The same number in two columns is one.
                if text.and_then(|text| Contact::tidy(text).ok()).is_none_or(|number| number != *chosen) {
                    self.take_note(draft, column, cell);
                }
                continue;
            }
            let number = match text {
                Some(text) if self.phones == Phones::Cleaned => match Contact::tidy(text) {
                    Ok(number) => number,
                    Err(words) => {
                        draft.complaints.push(Complaint::of(Field::Contact, Invalid::untidy(words)));
                        return;
                    }
                },
                Some(text) => text.to_owned(),
                None if is_empty(&cell) => continue,
                None => {
                    draft.contact = change(Field::Contact, cell, &mut draft.complaints);
                    return;
                }
            };
            if !number.is_empty() {
                draft.contact = Change::Set(number.clone());
                chosen = Some(number);
            }
        }
        if chosen.is_none() && has_any && self.empty == Empty::Clear {
            draft.contact = Change::Clear;
        }
    }

    fn take_note(&self, draft: &mut Draft, column: &str, cell: Json) {
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

//! Which column of a file is which part of a customer.

mod facts;
mod incoming;
mod several;
mod target;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use facts::Facts;
pub use incoming::{Incoming, Unfit, Who};
pub use target::{Dates, Target};

use crate::domain::Notes;

/// What becomes of telephone numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phones {
    /// They are tidied, as [`crate::domain::Contact::tidy`] does.
    #[default]
    Cleaned,
    /// They are taken as they are.
    AsTyped,
}

/// What an empty cell asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// Nothing: the customer keeps what it has.
    #[default]
    Keep,
    /// That the customer loses what it has there.
    Clear,
}

/// Which column is what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pub(super) columns: IndexMap<String, Target>,
    /// What becomes of telephone numbers.
    pub phones: Phones,
    /// What an empty cell asks for. A column that a row does not have asks for nothing either way.
    pub empty: Empty,
    /// Facts about the columns, as far as they are known.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub(super) facts: Facts,
}

impl Mapping {
    /// Makes a column this target. Another column that clashes with it becomes a note of its own name, where it fits. The error is a
    /// sentence.
    pub fn set(&mut self, column: &str, target: Target) -> Result<(), String> {
        if !self.columns.contains_key(column) {
            let names: Vec<&str> = self.columns.keys().map(String::as_str).collect();
            return Err(format!("the file has no column {column:?}; it has {}", names.join(", ")));
        }
        let clashing = self.columns.iter().filter(|(name, each)| *name != column && each.clashes(&target));
        let clashing: Vec<String> = clashing.map(|(name, _)| name.clone()).collect();
        self.put(column, target.clone());
        for name in clashing {
            self.put(&name, Target::Ignore);
            let instead = if target == Target::Contact { Some(Target::Phone) } else { self.default_note(&name) };
            self.put(&name, instead.unwrap_or(Target::Ignore));
        }
        Ok(())
    }

    /// Makes a column this target, and leaves the others as they are.
    pub fn put(&mut self, column: &str, target: Target) {
        if let Some(each) = self.columns.get_mut(column) {
            *each = target;
        }
    }

    /// The columns in the order of the file, each with its target.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.columns.iter().map(|(column, target)| (column.as_str(), target))
    }

    /// Returns whether any column is this target.
    pub fn has(&self, target: &Target) -> bool {
        self.columns.values().any(|each| each == target)
    }

    /// The columns that are left out though they have values, each with the reason, where it was not a person's choice.
    pub fn left_out(&self) -> Vec<(&str, Option<&'static str>)> {
        let ignored = self.columns.iter().filter(|(_, target)| **target == Target::Ignore);
        let valued = ignored.filter(|(column, _)| self.is_valued(column));
        valued.map(|(column, _)| (column.as_str(), self.why_left_out(column))).collect()
    }

    fn why_left_out(&self, column: &str) -> Option<&'static str> {
        let facts = self.facts.of(column)?;
        if facts.is_nested {
            Some("has lists or objects")
        } else if facts.is_long || column.chars().count() > Notes::LEN_MAX {
            Some("has more than 256 characters")
        } else if self.has(&Target::Note(column.to_owned())) {
            Some("another column is the note of this name")
        } else {
            (self.notes() >= Notes::PAIRS_MAX).then_some("only 15 notes fit")
        }
    }

    /// A note of a column's own name, where it fits.
    pub(super) fn default_note(&self, column: &str) -> Option<Target> {
        let target = Target::Note(column.to_owned());
        let fits = self.facts.of(column).is_none_or(|facts| !facts.is_long && !facts.is_nested);
        let is_key = column.chars().count() <= Notes::LEN_MAX && !column.contains('\0');
        (fits && is_key && self.notes() < Notes::PAIRS_MAX && !self.has(&target)).then_some(target)
    }

    /// How many notes a row may have by these columns.
    fn notes(&self) -> usize {
        self.note_keys().count()
    }

    /// The columns whose value is a note, or may be one, each with the key.
    pub(super) fn note_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let has_name = self.has(&Target::Name);
        self.columns.iter().filter(|(column, _)| self.is_valued(column)).filter_map(move |(column, target)| {
            let key = match target {
                Target::Note(key) => key,
                Target::Notes | Target::Phone => column,
                Target::Email | Target::Contact if self.has_joined(column) => column,
                Target::FirstName | Target::MiddleName | Target::LastName if has_name => column,
                _ => return None,
            };
            Some((column.as_str(), key.as_str()))
        })
    }

    /// Returns whether a column has cells of several values, of which the first counts and the others are a note.
    pub fn has_joined(&self, column: &str) -> bool {
        self.facts.of(column).is_some_and(|facts| facts.has_joined)
    }

    /// Returns whether a column has any value, as far as that is known.
    fn is_valued(&self, column: &str) -> bool {
        self.facts.is_empty() || self.facts.of(column).is_some()
    }

    /// A reason why no row can be read so, in a sentence without its first capital and its end.
    pub fn problem(&self) -> Option<String> {
        for (at, (column, target)) in self.columns.iter().enumerate() {
            let first = self.columns.iter().take(at).find(|(_, each)| each.clashes(target));
            if let Some((first, _)) = first {
                return Some(format!(
                    "the columns {first:?} and {column:?} are both the {}: choose one, and make the other a note or leave it out; on \
                     the command line, --map {:?} or --map {:?}",
                    target.field(),
                    format!("{column}=note:{column}"),
                    format!("{first}=note:{first}"),
                ));
            }
            let is_undecided = *target == Target::CreatedAt(Dates::Plain)
                && self.facts.of(column).is_some_and(facts::ColumnFacts::is_undecided);
            if is_undecided {
                return Some(format!(
                    "the dates of the column {column:?} can be day first or month first: say which; on the command line, --map {:?} or \
                     --map {:?}",
                    format!("{column}=created_at:dmy"),
                    format!("{column}=created_at:mdy"),
                ));
            }
        }
        self.note_problem()
    }

    /// Two columns that may be the same note, though neither is said to be.
    fn note_problem(&self) -> Option<String> {
        // Notes that are a JSON object in each row have keys of their own.
        let is_text = |column: &str| self.facts.of(column).is_none_or(|facts| facts.has_text);
        let keys = self.note_keys().filter(|(column, _)| self.columns[*column] != Target::Notes || is_text(column));
        let mut known: Vec<(&str, &str)> = Vec::new();
        for (column, key) in keys {
            if let Some((first, _)) = known.iter().find(|(_, each)| *each == key) {
                // A note by its target can have another key.
                let (fixed, other) = match self.columns[column] {
                    Target::Note(_) => (*first, column),
                    _ => (column, *first),
                };
                return Some(format!(
                    "the columns {first:?} and {column:?} may both be the note {key:?}: give one another key, or leave one out; on the \
                     command line, --map {:?} or --map {:?}",
                    format!("{other}=note:{key} 2"),
                    format!("{fixed}=ignore"),
                ));
            }
            known.push((column, key));
        }
        None
    }

    /// A mapping as [`Mapping::to_text`] wrote it.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The mapping as JSON.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_column() {
        let mut mapping = Mapping::guess(&["Phone", "Mobile", "City", "Town"].map(str::to_owned));
        mapping.set("Phone", Target::Contact).unwrap();
        mapping.set("Town", Target::parse("note:City").unwrap()).unwrap();
        assert_eq!(
            mapping.to_text(),
            r#"{"columns":{"Phone":"contact","Mobile":"phone","City":"ignore","Town":"note:City"},"phones":"cleaned","empty":"keep"}"#
        );
        assert_eq!(Mapping::from_text(&mapping.to_text()).unwrap(), mapping);
        assert_eq!(
            mapping.set("Village", Target::Name).unwrap_err(),
            "the file has no column \"Village\"; it has Phone, Mobile, City, Town"
        );
        assert_eq!(["note:", "phones", ""].map(Target::parse), [None, None, None]);
        assert_eq!(Mapping::from_text(r#"{"columns":{"a":"phones"},"phones":"cleaned","empty":"keep"}"#), None);
        mapping.put("City", Target::Email);
        mapping.put("Mobile", Target::Email);
        assert!(
            mapping
                .problem()
                .unwrap()
                .starts_with("the columns \"Mobile\" and \"City\" are both the email: choose one")
        );
    }
}

//! Which column of a file is which part of a customer.

mod incoming;

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub use incoming::{Incoming, Unfit, Who};

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// The id, which is kept.
    Id,
    /// The name.
    Name,
    /// The email.
    Email,
    /// The contact.
    Contact,
    /// The GSTIN.
    Gstin,
    /// When the customer was created, which is kept.
    CreatedAt,
    /// The note with this key.
    Note(String),
    /// All notes: a JSON object, or text that holds one. Any other text is a note under the column's own name.
    Notes,
    /// Nothing: the column is left out.
    Ignore,
}

impl Target {
    /// The target that is written like this: `id`, `name`, `email`, `contact`, `gstin`, `created_at`, `notes`, `note:KEY` or
    /// `ignore`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "id" => Self::Id,
            "name" => Self::Name,
            "email" => Self::Email,
            "contact" => Self::Contact,
            "gstin" => Self::Gstin,
            "created_at" => Self::CreatedAt,
            "notes" => Self::Notes,
            "ignore" => Self::Ignore,
            _ => Self::Note(text.strip_prefix("note:").filter(|key| !key.is_empty())?.to_owned()),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Email => "email",
            Self::Contact => "contact",
            Self::Gstin => "gstin",
            Self::CreatedAt => "created_at",
            Self::Notes => "notes",
            Self::Ignore => "ignore",
            Self::Note(key) => return write!(formatter, "note:{key}"),
        })
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text} is no target of a column"))
    }
}

/// What becomes of telephone numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phones {
    /// What people put between digits goes: spaces, hyphens, dots, brackets.
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

/// Which column is what, each target but `Ignore` at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    columns: IndexMap<String, Target>,
    /// What becomes of telephone numbers.
    pub phones: Phones,
    /// What an empty cell asks for. A column that a row does not have asks for nothing either way.
    pub empty: Empty,
}

impl Mapping {
    /// A mapping that leaves out all of these columns.
    pub(super) fn of_none(columns: &[String]) -> Self {
        let columns = columns.iter().map(|column| (column.clone(), Target::Ignore)).collect();
        Self { columns, ..Self::default() }
    }

    /// Makes a column this target; whichever was it before is left out from now on. The error is a sentence.
    pub fn set(&mut self, column: &str, target: Target) -> Result<(), String> {
        if !self.columns.contains_key(column) {
            let names: Vec<&str> = self.columns.keys().map(String::as_str).collect();
            return Err(format!("the file has no column {column:?}; it has {}", names.join(", ")));
        }
        for (name, each) in &mut self.columns {
            if name == column {
                *each = target.clone();
            } else if *each == target {
                *each = Target::Ignore;
            }
        }
        Ok(())
    }

    /// The columns in the order of the file, each with its target.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.columns.iter().map(|(column, target)| (column.as_str(), target))
    }

    /// Whether any column is this target.
    pub fn has(&self, target: &Target) -> bool {
        self.columns.values().any(|each| each == target)
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
        let mut mapping = Mapping::guess(&["Phone", "Mobile", "City"].map(str::to_owned));
        mapping.set("Mobile", Target::Contact).unwrap();
        mapping.set("City", Target::parse("note:city").unwrap()).unwrap();
        assert_eq!(
            mapping.to_text(),
            r#"{"columns":{"Phone":"ignore","Mobile":"contact","City":"note:city"},"phones":"cleaned","empty":"keep"}"#
        );
        assert_eq!(Mapping::from_text(&mapping.to_text()).unwrap(), mapping);
        assert_eq!(
            mapping.set("Town", Target::Name).unwrap_err(),
            "the file has no column \"Town\"; it has Phone, Mobile, City"
        );
        assert_eq!(["note:", "phone", ""].map(Target::parse), [None, None, None]);
        assert_eq!(Mapping::from_text(r#"{"columns":{"a":"phone"},"phones":"cleaned","empty":"keep"}"#), None);
    }
}

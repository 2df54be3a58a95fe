//! The part of a customer that a column is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The part of a customer that a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// The id, which is kept.
    Id,
    /// The name.
    Name,
    /// The first part of a name.
    FirstName,
    /// The middle part of a name.
    MiddleName,
    /// The last part of a name.
    LastName,
    /// The email.
    Email,
    /// The contact.
    Contact,
    /// Another phone number: the contact of a row that has none in a better column, else a note of the column's name.
    Phone,
    /// The GSTIN.
    Gstin,
    /// When the customer was created, which is kept.
    CreatedAt(Dates),
    /// The note with this key.
    Note(String),
    /// All notes: a JSON object, or text that holds one. Any other text is a note under the column's own name.
    Notes,
    /// Nothing: the column is left out.
    Ignore,
}

/// The form of the dates of a column, which one row alone cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dates {
    /// Any but those in which day and month may be exchanged.
    #[default]
    Plain,
    /// `18/02/2020`
    DayFirst,
    /// `02/18/2020`
    MonthFirst,
    /// Unix milliseconds.
    Milliseconds,
}

impl Target {
    /// The targets as people write them.
    pub const LIST: &str = "id, name, first_name, middle_name, last_name, email, contact, phone, gstin, created_at, created_at:dmy, \
                            created_at:mdy, created_at:ms, notes, note:KEY or ignore";

    const NAMES: [(&str, Self); 15] = [
        ("id", Self::Id),
        ("name", Self::Name),
        ("first_name", Self::FirstName),
        ("middle_name", Self::MiddleName),
        ("last_name", Self::LastName),
        ("email", Self::Email),
        ("contact", Self::Contact),
        ("phone", Self::Phone),
        ("gstin", Self::Gstin),
        ("created_at", Self::CreatedAt(Dates::Plain)),
        ("created_at:dmy", Self::CreatedAt(Dates::DayFirst)),
        ("created_at:mdy", Self::CreatedAt(Dates::MonthFirst)),
        ("created_at:ms", Self::CreatedAt(Dates::Milliseconds)),
        ("notes", Self::Notes),
        ("ignore", Self::Ignore),
    ];

    /// The target that is written like this, one of [`Self::LIST`].
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((_, target)) = Self::NAMES.into_iter().find(|(name, _)| *name == text) {
            return Some(target);
        }
        Some(Self::Note(text.strip_prefix("note:").filter(|key| !key.is_empty())?.to_owned()))
    }

    /// Returns whether two columns cannot be these targets both, because they would be the same value.
    pub fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ignore | Self::Phone, _) => false,
            (Self::CreatedAt(_), Self::CreatedAt(_)) => true,
            _ => self == other,
        }
    }

    /// The field that it is or is a part of, by name; for a note, its own spelling.
    pub fn field(&self) -> String {
        match self {
            Self::FirstName | Self::MiddleName | Self::LastName => "name".into(),
            Self::Phone => "contact".into(),
            Self::CreatedAt(_) => "created_at".into(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Note(key) = self {
            return write!(formatter, "note:{key}");
        }
        formatter.write_str(Self::NAMES.iter().find(|(_, target)| target == self).map_or("", |(name, _)| name))
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

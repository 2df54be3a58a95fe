//! Facts about the values of each column that only the whole file can tell.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::super::{Row, created_at, guess};
use super::Dates;
use crate::domain::{CustomerId, Notes};

/// Facts about all columns of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(IndexMap<String, ColumnFacts>);

/// Facts about the values of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in super::super) struct ColumnFacts {
    /// A value is longer than a note may be.
    #[serde(skip_serializing_if = "is_false")]
    pub(in super::super) is_long: bool,
    /// A value is an array or an object.
    #[serde(skip_serializing_if = "is_false")]
    pub(in super::super) is_nested: bool,
    /// A value is neither, and no text that holds one.
    #[serde(skip_serializing_if = "is_false")]
    pub(in super::super) has_text: bool,
    /// A value is several that Google Contacts has joined.
    #[serde(skip_serializing_if = "is_false")]
    pub(in super::super) has_joined: bool,
    /// A value is an id of ours.
    #[serde(skip_serializing_if = "is_false")]
    pub(in super::super) has_ids: bool,
    /// A date like `1/2/2020`.
    #[serde(skip_serializing_if = "is_false")]
    has_dates: bool,
    /// The first, and the second number of such a date is no month.
    #[serde(skip_serializing_if = "is_false")]
    is_day_first: bool,
    #[serde(skip_serializing_if = "is_false")]
    is_month_first: bool,
    #[serde(skip_serializing_if = "is_false")]
    has_milliseconds: bool,
    #[serde(skip_serializing_if = "is_false")]
    has_seconds: bool,
    /// A value is a time that is read. Only looked for where the column is one of times by its name.
    #[serde(skip_serializing_if = "is_false")]
    pub(in super::super) has_times: bool,
    #[serde(skip)]
    is_of_times: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Facts {
    /// Takes in the values of a row.
    pub fn add(&mut self, row: &Row) {
        for (column, raw) in &row.cells {
            let text = row.text(column).unwrap_or_default();
            let text = text.trim();
            if text.is_empty() || raw.get() == "[]" || raw.get() == "{}" {
                continue;
            }
            if !self.0.contains_key(column) {
                let is_of_times = guess::is_of_times(column);
                self.0.insert(column.clone(), ColumnFacts { is_of_times, ..ColumnFacts::default() });
            }
            if let Some(facts) = self.0.get_mut(column) {
                facts.add(text, raw.get());
                facts.has_joined |= text.contains(super::several::JOINT) && guess::is_joined(column);
            }
        }
    }

    /// The facts of a column: `None` where it has no value, or nothing is known.
    pub(in super::super) fn of(&self, column: &str) -> Option<&ColumnFacts> {
        self.0.get(column)
    }

    /// Returns whether nothing is known of any column.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ColumnFacts {
    fn add(&mut self, text: &str, json: &str) {
        self.is_long |= text.len() > Notes::LEN_MAX && text.chars().count() > Notes::LEN_MAX;
        self.is_nested |= json.starts_with(['{', '[']);
        self.has_text |= !text.starts_with(['{', '[']);
        if self.is_of_times && !self.has_times {
            self.has_times = created_at::is_read(text);
        }
        if text.starts_with("cust_") {
            self.has_ids |= CustomerId::parse(text).is_ok_and(|id| id.is_ours());
        }
        if text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            if let Some((first, second)) = created_at::exchangeable(text) {
                self.has_dates = true;
                self.is_day_first |= first > 12;
                self.is_month_first |= second > 12;
            } else if let Ok(number) = created_at::without_fraction(text).parse() {
                self.has_milliseconds |= created_at::SECONDS.contains(&(number / 1_000));
                self.has_seconds |= created_at::SECONDS.contains(&number);
            }
        }
    }

    /// The form of its dates, where all of them have one.
    pub(in super::super) fn dates(&self) -> Dates {
        match (self.is_day_first, self.is_month_first) {
            (true, false) => Dates::DayFirst,
            (false, true) => Dates::MonthFirst,
            _ if self.has_milliseconds && !self.has_seconds && !self.has_dates => Dates::Milliseconds,
            _ => Dates::Plain,
        }
    }

    /// Returns whether day and month may be exchanged in its dates, and none of them, or each in another way, tells.
    pub(in super::super) fn is_undecided(&self) -> bool {
        self.has_dates && self.is_day_first == self.is_month_first
    }
}

//! The query of a list to a filter and a slice.

use indexmap::IndexSet;

use super::Problem;
use crate::domain::{Complaint, Contact, Email, Field, Filter, Invalid, Rejection, Slice, Span};

pub(super) const COUNT_DEFAULT: u64 = 10;
pub(super) const COUNT_MAX: i128 = 100;
/// The span of `from` and `to`: 2000-01-01 to 2120-12-31, as on the hosted API's other lists.
pub(super) const TIME_MIN: i64 = 946_684_800;
pub(super) const TIME_MAX: i64 = 4_765_046_400;

/// What a list of customers asks for.
pub fn of_list(query: &str) -> Result<(Filter, Slice), Problem> {
    let parameters = Parameters::parse(query, &["count", "skip", "from", "to", "email", "contact"])?;
    let slice = parameters.slice()?;
    let filter = Filter {
        span: Span { from: parameters.time("from")?, to: parameters.time("to")? },
        email_key: parameters.value_of("email", Field::Email, Email::parse)?.map(|email| email.key()),
        contact: parameters
            .value_of("contact", Field::Contact, Contact::parse)?
            .map(|contact| contact.as_str().to_owned()),
    };
    Ok((filter, slice))
}

/// What a list of revisions asks for.
pub(in crate::http) fn of_history(query: &str) -> Result<Slice, Problem> {
    Parameters::parse(query, &["count", "skip"])?.slice()
}

/// Of a parameter that is given twice, the last counts.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str, known: &[&str]) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let names: IndexSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        let extra: Vec<&str> = names.into_iter().filter(|name| !known.contains(name)).collect();
        if extra.is_empty() { Ok(Self(pairs)) } else { Err(Problem::extra(&extra)) }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// A filter that is empty is none.
    fn filled(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// A filter by a value. .NET and the forms of browsers do not encode the `+`, which a query turns into a space; no value has one.
    fn value_of<T>(
        &self,
        name: &str,
        field: Field,
        parse: fn(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.filled(name) else { return Ok(None) };
        let rejected = |invalid| Rejection::of(vec![Complaint::of(field, invalid)]);
        parse(&value.replace(' ', "+")).map(Some).map_err(|invalid| match rejected(invalid) {
            Some(rejection) => Problem::from(&rejection),
            None => Problem::failed(),
        })
    }

    fn slice(&self) -> Result<Slice, Problem> {
        let count = match self.value("count").map(integer) {
            None => COUNT_DEFAULT,
            Some(None) => return Err(Problem::input(Some("count"), "The count must be an integer.")),
            Some(Some(count)) if count < 1 => {
                return Err(Problem::input(Some("count"), "The count must be at least 1."));
            }
            Some(Some(count)) if count > COUNT_MAX => {
                return Err(Problem::input(Some("count"), "The count may not be greater than 100."));
            }
            Some(Some(count)) => u64::try_from(count).unwrap_or(COUNT_DEFAULT),
        };
        let skip = match self.value("skip").map(integer) {
            None => 0,
            Some(None) => return Err(Problem::input(Some("skip"), "The skip must be an integer.")),
            Some(Some(skip)) if skip < 0 => return Err(Problem::input(Some("skip"), "The skip must be at least 0.")),
            Some(Some(skip)) => u64::try_from(skip).unwrap_or(u64::MAX),
        };
        Ok(Slice { count, skip })
    }

    fn time(&self, name: &'static str) -> Result<Option<i64>, Problem> {
        let Some(value) = self.filled(name) else { return Ok(None) };
        match value.parse() {
            Ok(time) if (TIME_MIN..=TIME_MAX).contains(&time) => Ok(Some(time)),
            _ => {
                let words = format!("{name} must be between {TIME_MIN} and {TIME_MAX}");
                Err(Problem::input(Some(name), words).remembered_as("The time is out of range."))
            }
        }
    }
}

/// A whole number, however long: beyond what fits it is as large as can be.
fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') { i128::MIN } else { i128::MAX }))
}

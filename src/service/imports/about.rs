//! Whether a row of a file is about a customer: by whole values, read as the import reads them.

use crate::domain::{Contact, Customer, Email, ImportRow, Outcome, label};
use crate::rows::{Mapping, Row, Who};

/// See [`crate::store::About`].
pub(in crate::service) fn about(
    customer: &Customer,
    mapping: Option<&str>,
    columns: &[String],
) -> Box<dyn Fn(&ImportRow) -> bool> {
    let (person, mapping) = (Person::of(customer), super::mapping_of(mapping, columns));
    Box::new(move |row| {
        let cells = row.cells.as_deref().and_then(|cells| Row::from_text(row.line, cells));
        cells.is_some_and(|cells| match row.outcome {
            Some(Outcome::Unread) => person.is_anywhere_in(&cells),
            _ => person.is(&mapping.who(&cells)),
        })
    })
}

/// What tells a customer from others.
struct Person {
    id: String,
    email: Option<String>,
    contact: Option<String>,
}

impl Person {
    fn of(customer: &Customer) -> Self {
        Self {
            id: customer.id.as_str().to_owned(),
            email: customer.email.as_ref().map(Email::key),
            contact: customer.contact.as_ref().map(|contact| Contact::as_str(contact).to_owned()),
        }
    }

    /// People who share a telephone have emails that tell them apart.
    fn is(&self, who: &Who) -> bool {
        self.has_id_or_email(who) || self.has_contact(who) && (self.email.is_none() || who.email.is_none())
    }

    /// The values of a row that could not be read stand anywhere.
    fn is_anywhere_in(&self, cells: &Row) -> bool {
        let values: Vec<Who> = Mapping::who_anywhere(cells).collect();
        let has_email =
            || values.iter().filter_map(|each| each.email.as_deref()).any(|text| Email::parse(text).is_ok());
        values.iter().any(|each| self.has_id_or_email(each))
            || values.iter().any(|each| self.has_contact(each)) && (self.email.is_none() || !has_email())
    }

    fn has_id_or_email(&self, who: &Who) -> bool {
        let is_email = |email: &String| {
            who.email.as_ref().is_some_and(|said| label::tidied(said).trim().eq_ignore_ascii_case(email))
        };
        who.id.as_ref().is_some_and(|id| id.as_str() == self.id) || self.email.as_ref().is_some_and(is_email)
    }

    fn has_contact(&self, who: &Who) -> bool {
        self.contact.as_ref().is_some_and(|contact| who.contacts.contains(contact))
    }
}

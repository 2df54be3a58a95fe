//! What columns are, by their names: Patron's own export and the hosted API's, those of the tools that `docs/importing.md` lists,
//! and what people call things in sheets of their own. Any other column is a note of its name, where it fits.

use super::{Dates, Facts, Mapping, Target};

/// Names as people write them, without case, spaces and signs.
const NAMES: [(Target, &[&str]); 8] = [
    (Target::Id, &["id", "customerid", "custid", "razorpayid", "razorpaycustomerid"]),
    (
        Target::Name,
        &[
            "name",
            "fullname",
            "customername",
            "customer",
            "client",
            "clientname",
            "contactname",
            "displayname",
            "ledgername",
        ],
    ),
    (Target::FirstName, &["firstname", "givenname", "forename", "fname"]),
    (Target::MiddleName, &["middlename", "additionalname"]),
    (Target::LastName, &["lastname", "familyname", "surname", "lname"]),
    (
        Target::Email,
        &[
            "email",
            "emailaddress",
            "emailid",
            "mail",
            "mailid",
            "customeremail",
            "primaryemail",
            "email1value",
            "email1address",
        ],
    ),
    (
        Target::Gstin,
        &["gstin", "gst", "gstno", "gstnumber", "gstinno", "gstinnumber", "gstinuin", "gstidentificationnumbergstin"],
    ),
    (
        Target::CreatedAt(Dates::Plain),
        &[
            "createdat",
            "created",
            "createdutc",
            "createdon",
            "createddate",
            "createdate",
            "createdtime",
            "datecreated",
            "creationdate",
        ],
    ),
];

/// Names of phone numbers, the best first: of several that a row has, the first is the contact, and the others are notes.
const PHONES: [&[&str]; 5] = [
    &["contact", "contactnumber", "contactno", "customercontact"],
    &[
        "mobile",
        "mobilephone",
        "mobilenumber",
        "mobileno",
        "mobilephonenumber",
        "cell",
        "cellphone",
        "whatsapp",
        "whatsappnumber",
        "whatsappphonenumber",
        "ledgermobile",
    ],
    &[
        "phone",
        "phonenumber",
        "phoneno",
        "telephone",
        "telephonenumber",
        "tel",
        "customerphone",
        "primaryphone",
        "phonevalue",
        "ledgerphone",
        "defaultaddressphone",
    ],
    &["businessphone", "businessphone2", "workphone", "officephone", "companymainphone"],
    &[
        "homephone",
        "homephone2",
        "carphone",
        "radiophone",
        "landline",
        "alternatephone",
        "alternatemobile",
        "otherphone",
        "asstphone",
        "assistantphone",
        "assistantsphone",
    ],
];

impl Mapping {
    /// What these columns seem to be by their names alone.
    pub fn guess(columns: &[String]) -> Self {
        Self::guess_with(columns, Facts::default())
    }

    /// What these columns seem to be. A column without a value takes nothing from one that has some.
    pub fn guess_with(columns: &[String], facts: Facts) -> Self {
        let ignored = columns.iter().map(|column| (column.clone(), Target::Ignore)).collect();
        let mut mapping = Self { columns: ignored, facts, ..Self::default() };
        let is_valued = |column: &&String| mapping.facts.is_empty() || mapping.facts.of(column).is_some();
        let (valued, empty): (Vec<&String>, Vec<&String>) = columns.iter().partition(is_valued);
        // Only Stripe's export has it. Its ids are none of ours, and worth keeping.
        let is_stripe = columns.iter().any(|column| column == "Created (UTC)");
        for column in &valued {
            let target = if is_stripe { of_stripe(column) } else { None }.or_else(|| of_any(column));
            let target = target.and_then(|target| mapping.seen(column, target));
            if let Some(target) = target.filter(|target| *target != Target::Notes || !mapping.has(target)) {
                mapping.put(column, target);
            }
        }
        mapping.put_phones(&valued);
        for column in empty {
            if let Some(target) =
                of_any(column).filter(|target| !mapping.columns.values().any(|each| each.clashes(target)))
            {
                mapping.put(column, target);
            } else if rank(column).is_some() {
                mapping.put(column, Target::Phone);
            }
        }
        for column in valued {
            if mapping.columns[column] == Target::Ignore
                && !(column == "entity" && mapping.has(&Target::Id))
                && let Some(note) = mapping.default_note(column)
            {
                mapping.put(column, note);
            }
        }
        mapping
    }

    /// A target in the light of what a column has: a column of other systems' ids is no id, one without a time that is read is no
    /// time, and dates have a form.
    fn seen(&self, column: &str, target: Target) -> Option<Target> {
        let facts = self.facts.of(column);
        match (target, facts) {
            (Target::Id, Some(facts)) if !facts.has_ids => None,
            (Target::CreatedAt(_), Some(facts)) if !facts.has_times => None,
            (Target::CreatedAt(_), Some(facts)) => Some(Target::CreatedAt(facts.dates())),
            (target, _) => Some(target),
        }
    }

    fn put_phones(&mut self, columns: &[&String]) {
        let free = columns.iter().filter(|column| self.columns[**column] == Target::Ignore);
        let mut phones: Vec<_> = free.filter_map(|column| Some((rank(column)?, *column))).collect();
        phones.sort_by_key(|(rank, _)| *rank);
        for (at, (_, column)) in phones.into_iter().enumerate() {
            self.put(column, if at == 0 { Target::Contact } else { Target::Phone });
        }
    }
}

/// The place of a column among those of phone numbers, the best first.
pub(super) fn rank(column: &str) -> Option<usize> {
    let name = plain(column);
    // Google Contacts counts its phone numbers: `Phone 12 - Value`.
    let is_digit = |char: char| char.is_ascii_digit();
    let name = if is_joined(column) { name.replace(is_digit, "") } else { name };
    PHONES.iter().position(|names| names.contains(&name.as_str()))
}

/// Returns whether Google Contacts writes this column, and joins several values of a person in it.
pub(super) fn is_joined(column: &str) -> bool {
    column.strip_suffix(" - Value").is_some_and(|name| name.ends_with(|last: char| last.is_ascii_digit()))
}

/// Returns whether a column is one of times by its name.
pub(super) fn is_of_times(column: &str) -> bool {
    matches!(of_any(column), Some(Target::CreatedAt(_)))
}

fn plain(column: &str) -> String {
    column.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn of_stripe(column: &str) -> Option<Target> {
    match column {
        "id" | "Customer ID" => Some(Target::Note("stripe_id".into())),
        "Description" => Some(Target::Note("description".into())),
        _ => column.strip_suffix(" (metadata)").map(|key| Target::Note(key.to_owned())),
    }
}

fn of_any(column: &str) -> Option<Target> {
    if let Some(key) = note_key(column) {
        return Some(Target::Note(key.to_owned()));
    }
    let name = plain(column);
    if ["notes", "note"].contains(&name.as_str()) {
        return Some(Target::Notes);
    }
    NAMES.into_iter().find(|(_, names)| names.contains(&name.as_str())).map(|(target, _)| target)
}

/// `city` of `notes[city]`, `notes.city`, `metadata[city]` and the like.
pub(super) fn note_key(column: &str) -> Option<&str> {
    let rest = ["notes", "note", "metadata"].iter().find_map(|prefix| column.strip_prefix(prefix))?;
    let key = match rest.strip_prefix('[') {
        Some(key) => key.strip_suffix(']'),
        None => rest.strip_prefix(['.', ':']),
    };
    key.map(str::trim).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each column that is taken, as `column=target`.
    fn guessed(columns: &str) -> String {
        let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
        let mapping = Mapping::guess(&columns);
        let taken = mapping.columns().filter(|(_, target)| **target != Target::Ignore);
        taken.map(|(column, target)| format!("{column}={target}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn known_exports_are_known() {
        let ours = "id=id name=name email=email contact=contact gstin=gstin notes=notes created_at=created_at";
        assert_eq!(guessed("id,name,email,contact,gstin,notes,created_at"), ours);
        assert_eq!(guessed("id,entity,name,email,contact,gstin,notes,created_at"), ours);
        assert_eq!(
            guessed("id,Description,Email,Name,Created (UTC),Card ID,Phone,plan (metadata)"),
            "id=note:stripe_id Description=note:description Email=email Name=name Created (UTC)=created_at Card ID=note:Card ID \
             Phone=contact plan (metadata)=note:plan"
        );
    }

    #[test]
    fn peoples_own_names_are_known() {
        assert_eq!(
            guessed("Full Name,E-mail,Mobile No.,GST No,City,notes[erp],metadata.plan,Notes,Created On"),
            "Full Name=name E-mail=email Mobile No.=contact GST No=gstin City=note:City notes[erp]=note:erp \
             metadata.plan=note:plan Notes=notes Created On=created_at"
        );
        assert_eq!(
            guessed("Car Phone,Phone 12 - Value,Assistant's Phone,Asst. Phone,Phone Value,Custom Field 1 - Value"),
            "Car Phone=phone Phone 12 - Value=contact Assistant's Phone=phone Asst. Phone=phone Phone Value=phone \
             Custom Field 1 - Value=note:Custom Field 1 - Value"
        );
        assert_eq!(
            guessed("Phone,Mobile,notes[],Telefon"),
            "Phone=phone Mobile=contact notes[]=notes Telefon=note:Telefon"
        );
    }

    #[test]
    fn values_tell_what_names_do_not() {
        let columns = ["ID", "Created", "Long", "Empty", "Phone", "Mobile"].map(str::to_owned);
        let guessed = |rows: &[&str]| {
            let mut facts = Facts::default();
            rows.iter().for_each(|json| facts.add(&super::super::Row::from_text(2, json).unwrap()));
            let mapping = Mapping::guess_with(&columns, facts);
            let taken = mapping.columns().map(|(_, target)| target.to_string()).collect::<Vec<_>>().join(" ");
            (taken, mapping.problem().is_some())
        };
        let long = format!(r#"{{"Long":"{}","Phone":"1"}}"#, "x".repeat(257));
        assert_eq!(
            guessed(&[r#"{"ID":"17","Created":"1/2/2020"}"#, r#"{"Created":"13/2/2020"}"#, &long]),
            ("note:ID created_at:dmy ignore ignore contact phone".into(), false)
        );
        assert_eq!(
            guessed(&[r#"{"ID":"cust_1Aa00000000004","Created":"1/2/2020","Mobile":"1"}"#]),
            ("id created_at ignore ignore phone contact".into(), true)
        );
        assert!(guessed(&[r#"{"Created":"1/13/2020"}"#, r#"{"Created":"13/2/2020"}"#]).1);
        assert!(guessed(&[r#"{"Created":"1582033731000"}"#]).0.contains("created_at:ms"));
        assert!(guessed(&[r#"{"Created":"1582033731"}"#]).0.contains("created_at "));
        assert!(guessed(&[r#"{"Created":"Jan 15, 2024"}"#]).0.contains("note:Created"));
        assert!(guessed(&[r#"{"Created":"Jan 15, 2024"}"#, r#"{"Created":"2024-01-15"}"#]).0.contains("created_at"));
    }
}

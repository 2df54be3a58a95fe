//! What columns are, by their names: Patron's own export and the hosted API's, Stripe's, and what people call things in sheets of
//! their own. What has no known name is left out.

use super::{Mapping, Target};

/// Names as people write them, without case, spaces and signs; of several columns the first is taken.
const NAMES: [(Target, &[&str]); 6] = [
    (Target::Id, &["id", "customerid", "custid", "razorpayid", "razorpaycustomerid"]),
    (Target::Name, &["name", "fullname", "customername", "customer", "client", "clientname", "displayname"]),
    (Target::Email, &["email", "emailaddress", "emailid", "mail", "mailid", "customeremail"]),
    (
        Target::Contact,
        &[
            "contact",
            "phone",
            "mobile",
            "phonenumber",
            "phoneno",
            "mobilenumber",
            "mobileno",
            "mobilephone",
            "contactnumber",
            "contactno",
            "telephone",
            "tel",
            "cell",
            "cellphone",
            "customerphone",
            "customercontact",
            "whatsapp",
            "whatsappnumber",
        ],
    ),
    (Target::Gstin, &["gstin", "gst", "gstno", "gstnumber", "gstinno", "gstinnumber", "gstinuin"]),
    (
        Target::CreatedAt,
        &["createdat", "created", "createdutc", "createdon", "createddate", "datecreated", "creationdate"],
    ),
];

impl Mapping {
    /// What these columns seem to be.
    pub fn guess(columns: &[String]) -> Self {
        let mut mapping = Self::of_none(columns);
        // Only Stripe's export has it. Its ids are none of ours, and worth keeping.
        let is_stripe = columns.iter().any(|column| column == "Created (UTC)");
        for column in columns {
            let target = if is_stripe { of_stripe(column) } else { None }.or_else(|| of_any(column));
            if let Some(target) = target.filter(|target| !mapping.has(target)) {
                // The column is one of the mapping's, or it would not be here.
                let _ = mapping.set(column, target);
            }
        }
        mapping
    }
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
    let name: String = column.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if ["notes", "note"].contains(&name.as_str()) {
        return Some(Target::Notes);
    }
    NAMES.into_iter().find(|(_, names)| names.contains(&name.as_str())).map(|(target, _)| target)
}

/// `city` of `notes[city]`, `notes.city`, `metadata[city]` and the like.
fn note_key(column: &str) -> Option<&str> {
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
            guessed(
                "id,Description,Email,Name,Created (UTC),Delinquent,Card ID,Phone,Currency,Total Spend,plan (metadata)"
            ),
            "id=note:stripe_id Description=note:description Email=email Name=name Created (UTC)=created_at Phone=contact \
             plan (metadata)=note:plan"
        );
    }

    #[test]
    fn peoples_own_names_are_known() {
        assert_eq!(
            guessed("Full Name,E-mail,Mobile No.,GST No,City,notes[erp],metadata.plan,Notes,Created On"),
            "Full Name=name E-mail=email Mobile No.=contact GST No=gstin notes[erp]=note:erp metadata.plan=note:plan \
             Notes=notes Created On=created_at"
        );
        // Of two the first.
        assert_eq!(guessed("Phone,Mobile,notes[],Telefon"), "Phone=contact notes[]=notes");
        assert_eq!(guessed("Phone,Mobile,metadata.,Telefon"), "Phone=contact");
    }
}

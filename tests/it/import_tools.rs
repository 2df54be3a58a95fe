//! The exports of tools that `docs/importing.md` lists: what each of their columns becomes.

use serde_json::{Value, json};

use crate::import_files::import;

/// What an export of a tool becomes, and the columns that are left out.
fn export(file: &str) -> (Vec<Value>, String) {
    let (customers, said) = import(&format!("exports/{file}"), &[]);
    let left_out = said.lines().find_map(|line| line.strip_prefix("Columns left out: ")).unwrap_or_default();
    assert!(!said.contains("refused"), "{said}");
    (customers, left_out.to_owned())
}

/// A customer with these values, and no GSTIN.
fn customer(name: &str, email: Option<&str>, contact: &str, notes: Value) -> Value {
    let notes = if notes.as_object().is_some_and(|notes| notes.is_empty()) { json!([]) } else { notes };
    json!({"name": name, "email": email, "contact": contact, "gstin": null, "notes": notes})
}

const EMAIL: Option<&str> = Some("asha.rao@example.com");

#[test]
fn google_contacts() {
    let (customers, left_out) = export("google.csv");
    let notes = json!({
        "Notes": "Call after five", "Organization Name": "Rao Stores", "Organization Title": "Owner",
        "Labels": "* myContacts", "E-mail 1 - Label": "* Work", "E-mail 2 - Label": "Home",
        "E-mail 2 - Value": "asha@example.org", "Phone 1 - Label": "Mobile", "Phone 2 - Label": "Work",
        "Phone 2 - Value": "022 2345 6789", "Address 1 - City": "Pune"
    });
    let other = json!({"Labels": "* myContacts", "Phone 2 - Label": "Mobile"});
    assert_eq!(
        customers,
        [customer("Asha K Rao", EMAIL, "+919800000001", notes), customer("Bina", None, "9800000002", other)]
    );
    assert_eq!(left_out, "");
}

#[test]
fn google_contacts_before_2024() {
    let (customers, _) = export("google-2023.csv");
    let notes = json!({"Group Membership": "* myContacts", "E-mail 1 - Type": "* Work", "Phone 1 - Type": "Mobile"});
    assert_eq!(customers, [customer("Asha Rao", EMAIL, "+919800000001", notes)]);
}

#[test]
fn google_contacts_with_several_values_in_a_cell() {
    let (customers, _) = export("google-joined.csv");
    let common = json!({"Group Membership": "* myContacts", "E-mail 1 - Type": "* Work", "Phone 1 - Type": "Mobile"});
    let notes = |more: Value| {
        let mut notes = common.clone();
        notes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        notes
    };
    let asha = notes(json!({
        "E-mail 1 - Value": "asha@example.org ::: rao@example.org", "Phone 1 - Value": "022 2345 6789"
    }));
    let bina = notes(json!({
        "Phone 1 - Value": "+91 98000 00003", "Phone 2 - Type": "Work", "Phone 2 - Value": "98000-00004 ::: 98000-00005"
    }));
    assert_eq!(
        customers,
        [
            customer("Asha Rao", EMAIL, "+919800000001", asha),
            customer("Bina Sen", Some("bina@example.com"), "+919800000002", bina)
        ]
    );
    let (_, said) = import("exports/google-joined.csv", &[]);
    let line = "E-mail 1 - Value  is email: the first of several in a cell, and the others are a note";
    assert!(said.contains(line), "{said}");
    // Elsewhere it is no address.
    assert!(import("google-joined-elsewhere.csv", &[]).1.contains("1 refused"));
}

#[test]
fn outlook() {
    assert_eq!(export("outlook.csv").0, [customer("Asha Rao", EMAIL, "+919800000001", json!({}))]);
}

#[test]
fn every_phone_column_is_the_contact_of_a_row_without_another() {
    let (customers, left_out) = export("phones.csv");
    let contacts: Vec<&Value> = customers.iter().map(|customer| &customer["contact"]).collect();
    assert_eq!(contacts, ["9800000001", "9800000002", "9800000003", "9800000004"]);
    assert_eq!((&customers[0]["notes"], left_out.as_str()), (&json!({"Car Phone": "98000 00009"}), ""));
}

#[test]
fn hubspot() {
    let (customers, _) = export("hubspot.csv");
    let notes = json!({"Record ID": "101", "Contact owner": "Sam Admin (sam@example.com)"});
    let bina = json!({
        "name": "Bina", "email": "bina@example.com", "contact": null, "gstin": null, "notes": {"Record ID": "102"}
    });
    assert_eq!(customers, [customer("Asha Rao", EMAIL, "+919800000001", notes), bina]);
}

#[test]
fn salesforce() {
    let (customers, _) = export("salesforce.csv");
    let notes = json!({
        "Contact ID": "0035g00000AbCdE", "Account Name": "Rao Stores", "Title": "Owner", "Mailing City": "Pune",
        "Phone": "(022) 2345-6789"
    });
    let bina = json!({"Contact ID": "0035g00000AbCdF", "Account Name": "Sen & Sons"});
    assert_eq!(
        customers,
        [
            customer("Asha Rao", EMAIL, "+919800000001", notes),
            customer("Bina Sen", Some("bina@example.com"), "08023456789", bina)
        ]
    );
}

#[test]
fn shopify() {
    let (customers, left_out) = export("shopify.csv");
    let notes = json!({
        "Customer ID": "'6873212346432", "Accepts Email Marketing": "yes", "Default Address Company": "Rao Stores",
        "Default Address Address1": "1 MG Road", "Default Address City": "Pune", "Default Address Province Code": "MH",
        "Default Address Country Code": "IN", "Default Address Zip": "'411001", "Accepts SMS Marketing": "no",
        "Total Spent": "1250.00", "Total Orders": "3", "Note": "Likes tea", "Tax Exempt": "no",
        "Tags": "vip, tea"
    });
    assert_eq!(customers[0], customer("Asha Rao", EMAIL, "+919800000001", notes));
    assert_eq!(customers[1]["contact"], "+919800000002", "its address has one");
    assert_eq!(left_out, "");
}

#[test]
fn stripe() {
    let (customers, _) = export("stripe.csv");
    let notes = json!({
        "stripe_id": "cus_NffrFeUfNV2Hib", "description": "VIP", "Delinquent": "false", "Total Spend": "12.50", "plan": "gold"
    });
    assert_eq!(customers, [customer("Asha Rao", EMAIL, "+919800000001", notes)]);
}

#[test]
fn zoho_crm() {
    let (customers, _) = export("zoho.csv");
    let notes = json!({
        "Record Id": "zcrm_4876876000000123001", "Contact Owner": "Sam Admin", "Account Name": "Rao Stores",
        "Secondary Email": "asha@example.org", "Phone": "022 2345 6789"
    });
    assert_eq!(customers, [customer("Asha Rao", EMAIL, "+919800000001", notes)]);
}

#[test]
fn zoho_books() {
    let (mut customers, _) = export("zoho-books.csv");
    assert_eq!(customers[0]["gstin"].take(), "27AAPFU0939F1ZV");
    let notes = json!({
        "Contact ID": "4876876000000123", "Company Name": "Rao Stores", "Currency Code": "INR", "First Name": "Asha",
        "Last Name": "Rao", "Phone": "022-23456789"
    });
    assert_eq!(customers.len(), 1);
    assert_eq!(customers[0]["notes"], notes, "the display name is not the person's");
    assert_eq!((&customers[0]["name"], &customers[0]["contact"]), (&json!("Rao Stores"), &json!("9800000001")));
}

#[test]
fn tally() {
    let (mut customers, _) = export("tally.csv");
    assert_eq!(customers[0]["gstin"].take(), "27AAPFU0939F1ZV");
    let notes = json!({
        "Under": "Sundry Debtors", "Mailing Name": "Rao Stores", "Address": "1 MG Road\nPune", "State": "Maharashtra",
        "Country": "India", "PIN Code": "411001", "Contact Person": "Asha Rao", "Phone No.": "022-23456789"
    });
    assert_eq!(customers, [customer("Rao Stores", EMAIL, "9800000001", notes)]);
}

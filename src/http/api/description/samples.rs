//! What is sent and answered in the examples, as the service answers it in a test.

use serde_json::Value;

/// Sent to create a customer.
pub(super) const NEW: &str =
    r#"{"name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"9123456780","notes":{"city":"Pune"}}"#;
/// The same in a form, by its values.
pub(super) const NEW_FORM: &str = NEW;
/// Sent to edit it.
pub(super) const EDIT: &str =
    r#"{"contact":"+919123456780","gstin":"29XAbbA4369J1PA","notes":{"city":"Pune","orders":3}}"#;
/// The same in a form, where all is text.
pub(super) const EDIT_FORM: &str =
    r#"{"contact":"+919123456780","gstin":"29XAbbA4369J1PA","notes":{"city":"Pune","orders":"3"}}"#;

/// Answered to [`NEW`].
pub(super) const CREATED: &str = r#"{"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"9123456780","gstin":null,"notes":{"city":"Pune"},"created_at":1582033731}"#;
/// Answered to [`EDIT`], a minute later.
pub(super) const EDITED: &str = r#"{"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"+919123456780","gstin":"29XAbbA4369J1PA","notes":{"city":"Pune","orders":3},"created_at":1582033731}"#;
/// The list, then.
pub(super) const LISTED: &str = r#"{"entity":"collection","count":1,"items":[{"id":"cust_EIECESKRDE2tLI","entity":"customer","name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"+919123456780","gstin":"29XAbbA4369J1PA","notes":{"city":"Pune","orders":3},"created_at":1582033731}]}"#;
/// A list past its end.
pub(super) const NONE_LISTED: &str = r#"{"entity":"collection","count":0,"items":[]}"#;
/// The customer's history, then.
pub(super) const REVISIONS: &str = r#"{"entity":"collection","count":2,"items":[{"id":"rev_EIECESKRDE2tLI_2","entity":"revision","version":2,"at":1582033791,"actor":{"type":"key","id":"rzp_test_0C3zxtY0C3zxtY","label":"Shop checkout"},"request_id":"checkout-0042","changes":{"contact":{"from":"9123456780","to":"+919123456780"},"gstin":{"from":null,"to":"29XAbbA4369J1PA"},"notes":{"orders":{"from":null,"to":3}}}},{"id":"rev_EIECESKRDE2tLI_1","entity":"revision","version":1,"at":1582033731,"actor":{"type":"key","id":"rzp_test_0C3zxtY0C3zxtY","label":"Shop checkout"},"request_id":"checkout-0041","changes":{"name":{"from":null,"to":"Gaurav Kumar"},"email":{"from":null,"to":"gaurav.kumar@example.com"},"contact":{"from":null,"to":"9123456780"},"notes":{"city":{"from":null,"to":"Pune"}}}}]}"#;

/// A sample as JSON.
pub(super) fn read(sample: &str) -> Value {
    serde_json::from_str(sample).unwrap_or_default()
}

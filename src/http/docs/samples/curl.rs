//! By curl.

use super::Language;

pub(super) const CURL: Language = Language {
    slug: "curl",
    name: "curl",
    around: "CALL",
    create: r#"
curl -u KEY_ID:KEY_SECRET BASE_URL/v1/customers \
  -H 'Content-Type: application/json' \
  -d '{"name":"Gaurav Kumar","email":"gaurav.kumar@example.com","contact":"9123456780","notes":{"city":"Pune"}}'
"#,
    edit: r#"
curl -u KEY_ID:KEY_SECRET -X PUT BASE_URL/v1/customers/CUSTOMER_ID \
  -H 'Content-Type: application/json' \
  -d '{"contact":"+919123456780"}'
"#,
    fetch: "curl -u KEY_ID:KEY_SECRET BASE_URL/v1/customers/CUSTOMER_ID",
    list: "curl -u KEY_ID:KEY_SECRET 'BASE_URL/v1/customers?count=20&skip=0'",
    revisions: "curl -u KEY_ID:KEY_SECRET 'BASE_URL/v1/customers/CUSTOMER_ID/revisions?count=20'",
    tokens: "curl -u KEY_ID:KEY_SECRET BASE_URL/v1/customers/CUSTOMER_ID/tokens",
};

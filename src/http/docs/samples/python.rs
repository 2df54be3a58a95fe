//! By the official Python SDK, `razorpay`.

use super::Language;

pub(super) const PYTHON: Language = Language {
    slug: "python",
    name: "Python",
    around: r#"
import razorpay

client = razorpay.Client(auth=("KEY_ID", "KEY_SECRET"), base_url="BASE_URL")

CALL
"#,
    create: r#"
customer = client.customer.create({
    "name": "Gaurav Kumar",
    "email": "gaurav.kumar@example.com",
    "contact": "9123456780",
    "notes": {"city": "Pune"},
})
print(customer["id"])
"#,
    edit: r#"
customer = client.customer.edit("CUSTOMER_ID", {"contact": "+919123456780"})
print(customer["contact"])
"#,
    fetch: r#"
customer = client.customer.fetch("CUSTOMER_ID")
print(customer["name"])
"#,
    list: r#"
customers = client.customer.all({"count": 20, "skip": 0})
for customer in customers["items"]:
    print(customer["id"], customer["name"])
"#,
    revisions: r#"
# The SDK has no call for histories, so it is asked for the path.
revisions = client.get("/v1/customers/CUSTOMER_ID/revisions", {"count": 20})
for revision in revisions["items"]:
    print(revision["version"], list(revision["changes"]))
"#,
    tokens: r#"
tokens = client.token.all("CUSTOMER_ID")
print(tokens["count"])
"#,
};

//! By the official Node SDK, `razorpay`.

use super::Language;

pub(super) const NODE: Language = Language {
    slug: "node",
    name: "Node",
    around: r#"
import Razorpay from "razorpay";

const rz = new Razorpay({ key_id: "KEY_ID", key_secret: "KEY_SECRET" });
rz.api.rq.defaults.baseURL = "BASE_URL";

CALL
"#,
    create: r#"
const customer = await rz.customers.create({
  name: "Gaurav Kumar",
  email: "gaurav.kumar@example.com",
  contact: "9123456780",
  notes: { city: "Pune" },
});
console.log(customer.id);
"#,
    edit: r#"
const customer = await rz.customers.edit("CUSTOMER_ID", { contact: "+919123456780" });
console.log(customer.contact);
"#,
    fetch: r#"
const customer = await rz.customers.fetch("CUSTOMER_ID");
console.log(customer.name);
"#,
    list: r#"
const customers = await rz.customers.all({ count: 20, skip: 0 });
for (const customer of customers.items) console.log(customer.id, customer.name);
"#,
    revisions: r#"
// The SDK has no call for histories, so it is asked for the path.
const revisions = await rz.api.get({ url: "/customers/CUSTOMER_ID/revisions", data: { count: 20 } });
for (const revision of revisions.items) console.log(revision.version, Object.keys(revision.changes));
"#,
    tokens: r#"
const tokens = await rz.customers.fetchTokens("CUSTOMER_ID");
console.log(tokens.count);
"#,
};

//! By the official Ruby SDK, `razorpay`.

use super::Language;

pub(super) const RUBY: Language = Language {
    slug: "ruby",
    name: "Ruby",
    around: r#"
require "razorpay"

Razorpay.send(:remove_const, :BASE_URI)
Razorpay::BASE_URI = "BASE_URL"
Razorpay.setup("KEY_ID", "KEY_SECRET")

CALL
"#,
    create: r#"
customer = Razorpay::Customer.create(
  "name" => "Gaurav Kumar",
  "email" => "gaurav.kumar@example.com",
  "contact" => "9123456780",
  "notes" => { "city" => "Pune" }
)
puts customer.id
"#,
    edit: r#"
customer = Razorpay::Customer.edit("CUSTOMER_ID", "contact" => "+919123456780")
puts customer.contact
"#,
    fetch: r#"
customer = Razorpay::Customer.fetch("CUSTOMER_ID")
puts customer.name
"#,
    list: r##"
customers = Razorpay::Customer.all("count" => 20, "skip" => 0)
customers.items.each { |customer| puts "#{customer.id} #{customer.name}" }
"##,
    revisions: r#"
# The SDK has no call for histories, so it is asked for the path.
revisions = Razorpay::Request.new("customers").fetch("CUSTOMER_ID/revisions")
puts revisions.count
"#,
    tokens: r#"
tokens = Razorpay::Request.new("customers").fetch("CUSTOMER_ID/tokens")
puts tokens.count
"#,
};

//! By the official PHP SDK, `razorpay/razorpay`.

use super::Language;

pub(super) const PHP: Language = Language {
    slug: "php",
    name: "PHP",
    around: r#"
<?php
require "vendor/autoload.php";

$api = new Razorpay\Api\Api("KEY_ID", "KEY_SECRET");
$api->setBaseUrl("BASE_URL");

CALL
"#,
    create: r#"
$customer = $api->customer->create([
    "name" => "Gaurav Kumar",
    "email" => "gaurav.kumar@example.com",
    "contact" => "9123456780",
    "notes" => ["city" => "Pune"],
]);
echo $customer->id, "\n";
"#,
    edit: r#"
$customer = $api->customer->fetch("CUSTOMER_ID")->edit(["contact" => "+919123456780"]);
echo $customer->contact, "\n";
"#,
    fetch: r#"
$customer = $api->customer->fetch("CUSTOMER_ID");
echo $customer->name, "\n";
"#,
    list: r#"
$customers = $api->customer->all(["count" => 20, "skip" => 0]);
foreach ($customers->items as $customer) {
    echo $customer->id, " ", $customer->name, "\n";
}
"#,
    revisions: r#"
// The SDK has no call for histories, so it is asked for the path.
$revisions = (new Razorpay\Api\Request())->request("GET", "customers/CUSTOMER_ID/revisions", ["count" => 20]);
foreach ($revisions["items"] as $revision) {
    echo $revision["version"], " ", implode(", ", array_keys($revision["changes"])), "\n";
}
"#,
    tokens: r#"
$tokens = $api->customer->fetch("CUSTOMER_ID")->tokens()->all();
echo $tokens->count, "\n";
"#,
};

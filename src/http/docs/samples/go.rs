//! By the official Go SDK, `github.com/razorpay/razorpay-go`.

use super::Language;

pub(super) const GO: Language = Language {
    slug: "go",
    name: "Go",
    around: r#"
package main

import (
	"fmt"
	"log"

	razorpay "github.com/razorpay/razorpay-go"
)

func main() {
	client := razorpay.NewClient("KEY_ID", "KEY_SECRET")
	client.Request.BaseURL = "BASE_URL"

	CALL
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
"#,
    create: r#"
answer, err := client.Customer.Create(map[string]interface{}{
	"name":    "Gaurav Kumar",
	"email":   "gaurav.kumar@example.com",
	"contact": "9123456780",
	"notes":   map[string]interface{}{"city": "Pune"},
}, nil)
"#,
    edit: r#"
answer, err := client.Customer.Edit("CUSTOMER_ID", map[string]interface{}{"contact": "+919123456780"}, nil)
"#,
    fetch: r#"
answer, err := client.Customer.Fetch("CUSTOMER_ID", nil, nil)
"#,
    list: r#"
answer, err := client.Customer.All(map[string]interface{}{"count": 20, "skip": 0}, nil)
"#,
    revisions: r#"
// The SDK has no call for histories, so it is asked for the path.
answer, err := client.Request.Get("/v1/customers/CUSTOMER_ID/revisions", map[string]interface{}{"count": 20}, nil)
"#,
    tokens: r#"
answer, err := client.Token.All("CUSTOMER_ID", nil, nil)
"#,
};

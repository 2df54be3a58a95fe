//! What is wrong with the customer that is asked for, or with how a list is asked for.

use super::super::Problem;
use super::{Act, Case, Entry, OF_ONE, PAGES, WRITES, customer, customer_id};
use crate::service::Refused;

const COUNT: &str = "`count` is a whole number from 1 to 100; without it, it is 10.";
const SKIP: &str = "`skip` is a whole number of 0 or more; without it, it is 0.";
/// What somebody made of the customer meanwhile.
const CHANGED: &str = r#"{"name":"Gaurav Kumar","contact":"9123456780"}"#;

pub(super) static CUSTOMERS: [Entry; 10] = [
    Entry {
        slug: "customer-exists",
        says: "Customer already exists for the merchant",
        why: "Another customer of the same mode has this email together with this contact; `metadata.customer_id` \
            tells which. An absent value is part of the pair: two customers with the same contact and no email \
            clash.",
        mend: "Use the customer that is named, or edit it. Created with `fail_existing` set to `\"0\"`, a customer \
            that exists is given to you unchanged.",
        law: "The combination of email and contact is unique within a mode. Emails are compared without regard to \
            ASCII case, contacts as they are written: `+919123456780` and `9123456780` are two. Customers with \
            neither never clash.",
        acts: WRITES,
        is_ours: false,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/json\n\n{\"name\":\"Gaurav \
                Kumar\",\"contact\":\"9123456780\"}",
            || Refused::Taken(customer_id()).into(),
        ),
    },
    Entry {
        slug: "id-malformed",
        says: "… is not a valid id",
        why: "What stands in the path is no id. The description shows it without its first five characters.",
        mend: "Send the id as it was given when the customer was created. A variable that is empty, or a \
            placeholder that was not filled in, is the usual cause.",
        law: "An id is `cust_` and 14 letters and digits.",
        acts: OF_ONE,
        is_ours: false,
        case: Case::Request("GET /v1/customers/cust_abc", || Problem::id_malformed("abc")),
    },
    Entry {
        slug: "id-not-found",
        says: "The id provided does not exist",
        why: "No customer of this key's mode has this id: it belongs to the other mode, to another server, or to a \
            customer that was erased.",
        mend: "See whether the key is of the mode in which the customer was made: keys that start with `rzp_test_` \
            see test customers only, those with `rzp_live_` live ones. To owners, the console says at the request \
            which it was.",
        law: "A key sees the customers of its own mode, and is not told what exists in the other.",
        acts: OF_ONE,
        is_ours: false,
        case: Case::Request("GET /v1/customers/cust_00000000000000", || Refused::NotFound.into()),
    },
    Entry {
        slug: "customer-changed",
        says: "The customer has changed since it was read.",
        why: "The edit came with `If-Match`, and somebody has changed the customer since it had that `ETag`. \
            Nothing was written. `metadata.customer` is the customer as it is now.",
        mend: "Look at what is there now, decide again, fetch the customer for its new `ETag`, and send the edit \
            with that. Without `If-Match` an edit always happens.",
        law: "With `If-Match`, an edit happens only if the customer still has that `ETag`.",
        acts: &[Act::Edit],
        is_ours: true,
        case: Case::Request(
            "PUT /v1/customers/cust_1Aa00000000004\nContent-Type: application/json\nIf-Match: \"an earlier \
                one\"\n\n{\"name\":\"Gaurav K. Kumar\"}",
            || Refused::Conflict(Box::new(customer(CHANGED))).into(),
        ),
    },
    Entry {
        slug: "count-not-integer",
        says: "The count must be an integer.",
        why: "`count` is no whole number: it is empty, has a fraction, or is a word.",
        mend: "Send digits, or leave it out.",
        law: COUNT,
        acts: PAGES,
        is_ours: false,
        case: Case::List("count=ten"),
    },
    Entry {
        slug: "count-too-small",
        says: "The count must be at least 1.",
        why: "`count` is 0 or negative.",
        mend: "Send 1 or more. To turn pages, leave `count` as it is and move `skip`.",
        law: COUNT,
        acts: PAGES,
        is_ours: false,
        case: Case::List("count=0"),
    },
    Entry {
        slug: "count-too-large",
        says: "The count may not be greater than 100.",
        why: "`count` is more than 100.",
        mend: "Ask for 100 at a time, and move `skip` by 100 until a page has fewer.",
        law: COUNT,
        acts: PAGES,
        is_ours: false,
        case: Case::List("count=500"),
    },
    Entry {
        slug: "skip-not-integer",
        says: "The skip must be an integer.",
        why: "`skip` is no whole number: it is empty, has a fraction, or is a word.",
        mend: "Send digits, or leave it out.",
        law: SKIP,
        acts: PAGES,
        is_ours: false,
        case: Case::List("skip=two"),
    },
    Entry {
        slug: "skip-too-small",
        says: "The skip must be at least 0.",
        why: "`skip` is negative.",
        mend: "Send 0 or more.",
        law: SKIP,
        acts: PAGES,
        is_ours: false,
        case: Case::List("skip=-10"),
    },
    Entry {
        slug: "time-out-of-range",
        says: "… must be between 946684800 and 4765046400",
        why: "`from` or `to` is not a time in whole Unix seconds. Milliseconds, in which JavaScript counts, and \
            dates in words are the usual causes.",
        mend: "Divide milliseconds by 1000 and drop the fraction. Leave the parameter out where there is no bound.",
        law: "`from` and `to` are whole Unix seconds from 946684800 (2000-01-01) to 4765046400 (2120-12-31), both \
            inclusive.",
        acts: &[Act::List],
        is_ours: false,
        case: Case::List("from=1582033731000"),
    },
];

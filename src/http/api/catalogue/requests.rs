//! What is wrong with credentials, with a request as a whole, and with the server.

use super::super::{Problem, body};
use super::{ALL, Case, Entry, WRITES};
use crate::service::NotAdmitted;

const TROUBLE: &str = "We are facing some trouble completing your request at the moment. Please try again shortly.";
const BROKEN: &str = "{'name':'Gaurav Kumar'}";

pub(super) static CREDENTIALS: [Entry; 3] = [
    Entry {
        slug: "no-key",
        says: "Please provide your api key for authentication purposes",
        why: "The request has no `Authorization` header.",
        mend: "Send your key's id and secret by HTTP Basic: `curl -u KEY_ID:KEY_SECRET`, or give both to the SDK. A \
            proxy in between may have taken the header away.",
        law: "Every request below `/v1` needs a key: `Authorization: Basic` and the base64 of `KEY_ID:KEY_SECRET`.",
        acts: ALL,
        is_ours: false,
        case: Case::Request("GET /v1/customers", Problem::no_credentials),
    },
    Entry {
        slug: "key-invalid",
        says: "The api key/secret provided is invalid",
        why: "The key is not known here, its secret is another, the key has expired or was revoked, or the header \
            is malformed. Which of them it was is not told, so that nobody learns which half was right. The console \
            tells owners, under Requests.",
        mend: "See that id and secret are whole, belong together, and are of this server: keys of the hosted \
            service are unknown here unless they were imported. Then look for the key on the Keys page. Where a \
            secret is lost, rotating the key makes another.",
        law: "A key id is `rzp_test_` or `rzp_live_` and 14 letters and digits, a secret is 24. The scheme is \
            `Basic`, in any case.",
        acts: ALL,
        is_ours: false,
        case: Case::Request(
            "GET /v1/customers\nAuthorization: Basic cnpwX3Rlc3RfMUFhMDAwMDAwMDAwMDQ6bm90IHRoZSBzZWNyZXQ=",
            Problem::wrong_credentials,
        ),
    },
    Entry {
        slug: "too-many-requests",
        says: "Request failed. Please try after sometime.",
        why: "More requests came with this key or from this address than the limits of this server allow, or too \
            many wrong secrets came from this address within a minute.",
        mend: "Wait as many seconds as `Retry-After` says, and spread what you send. Where limits are set, \
            `RateLimit` tells with each answer what is left. Where wrong secrets are the cause, mend the secret \
            first.",
        law: "Whoever runs the server sets the limits, and by default there is none but for wrong secrets: 20 a \
            minute from one address for one key, and 60 for all keys.",
        acts: ALL,
        is_ours: false,
        case: Case::Request("GET /v1/customers", || NotAdmitted::TooMany(60).into()),
    },
];

pub(super) static REQUESTS: [Entry; 9] = [
    Entry {
        slug: "url-not-found",
        says: "The requested URL was not found on the server.",
        why: "The path is not one of this API, or not with this method. `DELETE`, and `POST` to a customer's own \
            address, are usual cases: customers are edited by `PUT`, and only people at the console erase one.",
        mend: "See the method and the path. SDKs are given the address of the server alone, and add `/v1` by \
            themselves.",
        law: "There are `POST` and `GET` on `/v1/customers`, `PUT` and `GET` on `/v1/customers/ID`, and `GET` on \
            `/v1/customers/ID/revisions` and `/v1/customers/ID/tokens`. This is judged before the key.",
        acts: &[],
        is_ours: false,
        case: Case::Request("GET /v1/payments", Problem::url_not_found),
    },
    Entry {
        slug: "body-not-json",
        says: "The request body is not valid JSON: …",
        why: "The body is broken JSON, and the description tells where. Single quotes, a comma too many, text that \
            is not UTF-8, and a form that is sent as JSON are the usual causes.",
        mend: "Let a library write the JSON. Where you send a form, say so: `Content-Type: \
            application/x-www-form-urlencoded`.",
        law: "A body is one JSON document in UTF-8. Without a `Content-Type` it is read as JSON.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request("POST /v1/customers\nContent-Type: application/json\n\n{'name':'Gaurav Kumar'}", || {
            body::read_json(BROKEN.as_bytes()).err().unwrap_or_else(Problem::failed)
        }),
    },
    Entry {
        slug: "body-not-form",
        says: "The request body is not a valid form.",
        why: "The form is not UTF-8 once it is decoded: it was written in another encoding, such as Latin-1.",
        mend: "Encode text as UTF-8, then by percents: `é` is `%C3%A9`, and not `%E9`.",
        law: "A form is `application/x-www-form-urlencoded` in UTF-8; notes are `notes[key]=value`.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/x-www-form-urlencoded\n\nname=Jos%E9",
            Problem::not_a_form,
        ),
    },
    Entry {
        slug: "body-media-type",
        says: "The request body must be application/json or application/x-www-form-urlencoded.",
        why: "The `Content-Type` is another one, such as `text/plain` or `multipart/form-data`.",
        mend: "Send JSON or a form, and say by the `Content-Type` which of them.",
        law: "Bodies are `application/json` or `application/x-www-form-urlencoded`, in any case and with any \
            parameters.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request("POST /v1/customers\nContent-Type: text/plain\n\nname=Gaurav", Problem::media_type),
    },
    Entry {
        slug: "body-encoded",
        says: "The request body must not be encoded: … is not supported.",
        why: "The body is compressed, as its `Content-Encoding` says: an HTTP client or a proxy in between does so where \
            it is set up to.",
        mend: "Turn the compression of requests off. Answers are another thing: `Accept-Encoding` may stay.",
        law: "A body is sent as it is, without a `Content-Encoding` or with `identity`. It is small: 131072 bytes at \
            most.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/json\nContent-Encoding: gzip\n\n{\"name\":\"Gaurav Kumar\"}",
            || Problem::encoded("gzip"),
        ),
    },
    Entry {
        slug: "body-too-large",
        says: "The request body may not be greater than … bytes.",
        why: "The body is larger than 128 KiB. The largest customer that keeps all rules is many times smaller.",
        mend: "Send one customer with a request, and keep files elsewhere.",
        law: "A body has at most 131072 bytes.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request("POST /v1/customers\nContent-Type: application/json\nContent-Length: 131073", || {
            Problem::body_too_large(body::LEN_MAX)
        }),
    },
    Entry {
        slug: "body-incomplete",
        says: "The request body ended before it was complete.",
        why: "The connection ended before as many bytes had come as the request announced, or in the middle of a \
            chunk. Nothing was written.",
        mend: "Send the request again. Where it happens often, look at the proxy in between, and at a \
            `Content-Length` that is set by hand and counts characters instead of bytes.",
        law: "A body is as long as its `Content-Length` says, or ends with its last chunk.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/json\nContent-Length: 500\n\n{\"name\":\"Gau",
            Problem::body_incomplete,
        ),
    },
    Entry {
        slug: "body-too-late",
        says: "The request body took too long to arrive.",
        why: "The body had not arrived ten seconds after the head of its request. Nothing was written, and the \
            connection is closed.",
        mend: "Send the request again. Have the body ready before you send the head.",
        law: "A body has ten seconds, counted from its request's head.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/json\nContent-Length: 500",
            Problem::body_late,
        ),
    },
    Entry {
        slug: "cross-site",
        says: "The request may not come from a page of another site.",
        why: "A browser sent a form, or a body without a type, for a page of another site. It might have added a \
            key that its user once typed.",
        mend: "Call the API from your server. A page is no place for a secret: whoever opens it can read it.",
        law: "Of browsers, forms are taken from pages of this server alone; programs may send them from anywhere.",
        acts: WRITES,
        is_ours: true,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/x-www-form-urlencoded\nSec-Fetch-Site: \
                cross-site\n\nname=Gaurav",
            Problem::cross_site,
        ),
    },
];

pub(super) static SERVER: [Entry; 2] = [
    Entry {
        slug: "busy",
        says: TROUBLE,
        why: "The server has more to do than it can take on now, or its disk is full. Nothing was written.",
        mend: "Wait as many seconds as `Retry-After` says and send the same request again. Where it stays so, \
            whoever runs the server finds the cause with `patron doctor`.",
        law: "What waits is bounded, and each key has a share of it; past that the answer is this one, at once.",
        acts: ALL,
        is_ours: true,
        case: Case::Request(
            "POST /v1/customers\nContent-Type: application/json\n\n{\"name\":\"Gaurav Kumar\"}",
            Problem::busy,
        ),
    },
    Entry {
        slug: "failed",
        says: TROUBLE,
        why: "Something failed on the server. The cause is in its log, under the answer's `X-Request-Id`, and never \
            in the answer.",
        mend: "Try again. An edit can be sent twice without harm; before you create again, look for the customer, \
            or create with `fail_existing` set to `\"0\"`. Where it stays so, tell whoever runs the server the \
            `X-Request-Id`.",
        law: "Success means that the change is on the disk. Failure does not mean that it is not: look before you \
            assume either.",
        acts: ALL,
        is_ours: false,
        case: Case::Request("GET /v1/customers/cust_1Aa00000000004", Problem::failed),
    },
];

//! What is wrong with a field, or with the fields as a whole.

use super::{Act, Case, Entry, WRITES};

const CONTACT: &str = "A contact is an optional leading `+`, then digits only: at least 8 of them, and at most 15 \
    characters in all. Characters are judged first. It comes back exactly as it was sent.";
const NAME: &str = "A name has 3 to 50 characters: letters of any script with their marks, the digits 0 to 9, \
    spaces and `. ' - _ / @ ( )`. It starts and ends with a letter, a digit, `.` or `)`. Length is judged first.";
const EMAIL: &str = "An email is a valid address, as browsers judge it, with a dot in its domain and at most 64 \
    characters. Length is judged first.";

pub(super) static FIELDS: [Entry; 12] = [
    Entry {
        slug: "contact-too-short",
        says: "Contact number should be at least 8 digits, including country code",
        why: "The contact has fewer than eight digits. A leading `+` is no digit.",
        mend: "Send the whole number, with its country code where you have it: `9123456780` or `+919123456780`. To \
            keep a customer without a contact, leave the field out.",
        law: CONTACT,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| r#"{"contact":"1234567"}"#.to_owned()),
    },
    Entry {
        slug: "contact-too-long",
        says: "Contact number should not be greater than 15 digits, including country code",
        why: "The contact has more than 15 characters, a leading `+` included. Two numbers in one field are the \
            usual cause.",
        mend: "Send one number. A second one can be kept in the notes.",
        law: CONTACT,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| r#"{"contact":"91234567809123456781"}"#.to_owned()),
    },
    Entry {
        slug: "contact-characters",
        says: "Contact number contains invalid characters, only digits and + symbol are allowed",
        why: "The contact has something else than digits: a space, a hyphen, brackets, a dot, letters, or a `+` \
            that is not in front.",
        mend: "Take out everything but the digits and one leading `+` before you send it: `98765 43210` becomes \
            `9876543210`.",
        law: CONTACT,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| r#"{"contact":"98765 43210"}"#.to_owned()),
    },
    Entry {
        slug: "name-too-long",
        says: "The name may not be greater than 50 characters.",
        why: "The name has more than 50 characters. Characters count, not bytes.",
        mend: "Shorten the name. What must not be lost can be kept in the notes, each of which has room for 256 \
            characters.",
        law: NAME,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| format!(r#"{{"name":"{}"}}"#, "Venkatanarasimharajuvaripeta ".repeat(2).trim_end())),
    },
    Entry {
        slug: "name-format",
        says: "The name format is invalid.",
        why: "The name has fewer than three characters, or a character that is not allowed, such as `&`, `,` or an \
            emoji, or it starts or ends with something else than a letter, a digit, `.` or `)`. A space in front is \
            enough.",
        mend: "Trim the name, and replace what is not allowed before you send it: `Kumar & Sons` becomes `Kumar and \
            Sons`. To take a name away, send `null` or an empty string.",
        law: NAME,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| r#"{"name":"Kumar & Sons"}"#.to_owned()),
    },
    Entry {
        slug: "email-format",
        says: "The email must be a valid email address.",
        why: "The email is no address: it has no `@`, no dot behind it, a space, or a name around it as in `Gaurav \
            <gaurav@example.com>`.",
        mend: "Send the bare address, and let people correct what they typed before you send it. To take an email \
            away, send `null` or an empty string.",
        law: EMAIL,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| r#"{"email":"gaurav.kumar@example"}"#.to_owned()),
    },
    Entry {
        slug: "email-too-long",
        says: "The email may not be greater than 64 characters.",
        why: "The email has more than 64 characters.",
        mend: "Ask for a shorter address. A longer one can be kept in the notes.",
        law: EMAIL,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| {
            format!(r#"{{"email":"{}@example.com"}}"#, "gaurav.kumar.".repeat(5).trim_end_matches('.'))
        }),
    },
    Entry {
        slug: "gstin-format",
        says: "The gstin field is invalid.",
        why: "The GSTIN has not 15 characters, has something else than letters and digits, or does not start with \
            the two digits of a state.",
        mend: "Send it without spaces, as it stands on the certificate of registration. To take it away, send \
            `null` or an empty string.",
        law: "A GSTIN is 15 letters and digits, the first two of them digits. Either case will do, and the check \
            digit is not held against it.",
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| r#"{"gstin":"29 XAbbA4369J1PA"}"#.to_owned()),
    },
    Entry {
        slug: "field-not-text",
        says: "The … must be a string.",
        why: "A field that is text was sent as a number, a boolean, an array or an object. `field` names it.",
        mend: "Put the value in quotes. A contact alone may be a whole number too, and is kept as its digits; only \
            as text does it keep a zero in front.",
        law: "`name`, `email`, `contact` and `gstin` are strings; `null` and an empty string clear them.",
        acts: WRITES,
        is_ours: true,
        case: Case::Create(|| r#"{"name":12345}"#.to_owned()),
    },
    Entry {
        slug: "fail-existing",
        says: "The fail_existing field is invalid.",
        why: "`fail_existing` is neither yes nor no.",
        mend: "Send `\"0\"` to be given the customer that has the email and contact already; send `\"1\"`, or \
            nothing, to be told that there is one.",
        law: "`fail_existing` is `\"0\"`, `0`, `false` or `\"false\"` for no, and `\"1\"`, `1`, `true`, `\"true\"`, \
            `null` or an empty string for yes. It is known where a customer is created, and nowhere else.",
        acts: &[Act::Create],
        is_ours: true,
        case: Case::Create(|| r#"{"name":"Gaurav Kumar","fail_existing":"no"}"#.to_owned()),
    },
    Entry {
        slug: "extra-fields",
        says: "… is/are not required and should not be sent",
        why: "The request has fields or parameters that this endpoint does not know; the description names them in \
            the order sent. Often it is a slip, `phone` for `contact`, or `fail_existing` in an edit. Of a body \
            that is an array or a bare string the indexes are named: `0`.",
        mend: "Leave out what is named. Whatever else you want to keep on a customer has its place in `notes`.",
        law: "Bodies know `name`, `email`, `contact`, `gstin` and `notes`, and `fail_existing` where a customer is \
            created. Lists know `count`, `skip`, `from`, `to`, `email` and `contact`; histories and tokens `count` and \
            `skip`. This is judged before any field.",
        acts: &[Act::Create, Act::Edit, Act::List, Act::History, Act::Tokens],
        is_ours: false,
        case: Case::Create(|| r#"{"name":"Gaurav Kumar","phone":"9123456780","city":"Pune"}"#.to_owned()),
    },
    Entry {
        slug: "nothing-to-know-by",
        says: "At least one of name, email or contact is required.",
        why: "After this request the customer would have neither name nor email nor contact, and nobody could find \
            it again.",
        mend: "Send one of the three, or do not clear the last one that is left.",
        law: "A customer keeps at least one of `name`, `email` and `contact`.",
        acts: WRITES,
        is_ours: true,
        case: Case::Create(|| r#"{"notes":{"city":"Pune"}}"#.to_owned()),
    },
];

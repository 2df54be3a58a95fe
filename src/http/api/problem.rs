//! Every error of the API: its status, its words and its shape, from wherever it arises.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::domain::{Complaint, Customer, CustomerId, Field, Invalid, Rejection};
use crate::http::limits::Reached;
use crate::json::{CustomerJson, JsonError};
use crate::service::{NotAdmitted, Refused};

const TROUBLE: &str = "We are facing some trouble completing your request at the moment. Please try again shortly.";
/// When to come back to a full queue, in seconds: it drains in far less.
const BUSY_RETRY_AFTER: u64 = 1;

/// An error answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    description: Cow<'static, str>,
    rule: &'static str,
    shape: Shape,
    field: Option<&'static str>,
    metadata: Metadata,
    retry_after: Option<u64>,
}

/// `source`, `step` and `reason` come in three combinations.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Contact,
    Plain,
    Input,
}

#[derive(Debug)]
enum Metadata {
    Nothing,
    CustomerId(CustomerId),
    Customer(Box<Customer>),
}

impl Problem {
    fn new(status: StatusCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        // Words that were put together may hold the caller's: they are remembered only by a rule that is given with them.
        let rule = if let Cow::Borrowed(words) = description { words } else { "" };
        Self {
            status,
            description,
            rule,
            shape: Shape::Plain,
            field: None,
            metadata: Metadata::Nothing,
            retry_after: None,
        }
    }

    /// Input that breaks a rule, and the field to blame, if there is one.
    pub(in crate::http) fn input(field: Option<&'static str>, description: impl Into<Cow<'static, str>>) -> Self {
        Self { shape: Shape::Input, field, ..Self::new(StatusCode::BAD_REQUEST, description) }
    }

    /// Input that no rule knows.
    pub(in crate::http) fn extra(names: &[&str]) -> Self {
        Self::invalid(None, &Invalid::extra(names))
    }

    fn invalid(field: Option<&'static str>, invalid: &Invalid) -> Self {
        Self::input(field, invalid.words().to_owned()).remembered_as(invalid.rule())
    }

    /// Of this status, made for a test. In these words, or in those that the status goes with.
    pub(in crate::http) fn made(status: StatusCode, description: Option<String>, retry_after: Option<u64>) -> Self {
        let problem = match (description, status) {
            (Some(words), _) => Self::new(status, words),
            (None, StatusCode::UNAUTHORIZED) => Self::wrong_credentials(),
            (None, StatusCode::TOO_MANY_REQUESTS) => Self::too_many(0),
            (None, status) if status.is_server_error() => Self::new(status, TROUBLE),
            (None, status) => Self::new(status, "The request was refused on purpose, by a fault of the emulator."),
        };
        Self { retry_after, ..problem }
    }

    /// Without what tells more than the words.
    pub(in crate::http) fn bare(self) -> Self {
        Self { metadata: Metadata::Nothing, ..self }
    }

    /// The same about one of many that were sent: its place stands before the words.
    pub(in crate::http) fn at(self, place: &str) -> Self {
        Self { description: format!("{place}: {}", self.description).into(), ..self }
    }

    /// With the words by which it is remembered, in which there is nothing of the caller's.
    pub(in crate::http) fn remembered_as(self, rule: &'static str) -> Self {
        Self { rule, ..self }
    }

    /// The rule that was broken, without anything that the caller wrote.
    pub(in crate::http) fn rule(&self) -> &'static str {
        self.rule
    }

    /// The field to blame, if there is one.
    pub(in crate::http) fn field(&self) -> Option<&'static str> {
        self.field
    }

    /// No such URL, or not with this method.
    pub fn url_not_found() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The requested URL was not found on the server.")
    }

    /// Our own failure.
    pub fn failed() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, TROUBLE)
    }

    pub(super) fn busy() -> Self {
        Self { retry_after: Some(BUSY_RETRY_AFTER), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, TROUBLE) }
    }

    pub(in crate::http) fn no_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Please provide your api key for authentication purposes")
    }

    /// One text for every cause, so that nobody learns which half was right.
    pub(in crate::http) fn wrong_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The api key/secret provided is invalid")
    }

    pub(in crate::http) fn id_malformed(rest: &str) -> Self {
        Self::input(None, format!("{rest} is not a valid id")).remembered_as("… is not a valid id")
    }

    pub(in crate::http) fn body_too_large(limit: usize) -> Self {
        let description = format!("The request body may not be greater than {limit} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, description).remembered_as("The request body is too large.")
    }

    pub(in crate::http) fn media_type() -> Self {
        let description = "The request body must be application/json or application/x-www-form-urlencoded.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, description)
    }

    /// A body that is compressed, or encoded in another way.
    pub(in crate::http) fn encoded(encoding: &str) -> Self {
        let description = format!("The request body must not be encoded: {encoding} is not supported.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, description)
            .remembered_as("The request body must not be encoded: … is not supported.")
    }

    pub(in crate::http) fn cross_site() -> Self {
        Self::new(StatusCode::FORBIDDEN, "The request may not come from a page of another site.")
    }

    pub(in crate::http) fn not_json(error: &JsonError) -> Self {
        let description = format!("The request body is not valid JSON: {error}");
        Self::new(StatusCode::BAD_REQUEST, description).remembered_as("The request body is not valid JSON: …")
    }

    pub(in crate::http) fn not_a_form() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The request body is not a valid form.")
    }

    pub(in crate::http) fn body_incomplete() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The request body ended before it was complete.")
    }

    pub(in crate::http) fn body_late() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "The request body took too long to arrive.")
    }

    fn too_many(seconds: u64) -> Self {
        let description = "Request failed. Please try after sometime.";
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, description) }
    }

    /// The body of the answer.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(Envelope::of(self)).unwrap_or_default()
    }

    fn code(&self) -> &'static str {
        match self.status {
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => "GATEWAY_ERROR",
            status if status.is_server_error() => "SERVER_ERROR",
            _ => "BAD_REQUEST_ERROR",
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(rejection) => Self::from(&rejection),
            Refused::NotFound => Self::input(None, "The id provided does not exist"),
            Refused::Taken(id) => Self {
                metadata: Metadata::CustomerId(id),
                ..Self::new(StatusCode::BAD_REQUEST, "Customer already exists for the merchant")
            },
            Refused::Conflict(customer) => Self {
                metadata: Metadata::Customer(customer),
                ..Self::new(StatusCode::PRECONDITION_FAILED, "The customer has changed since it was read.")
            },
            Refused::Busy | Refused::Full | Refused::NoRoom(_) => Self::busy(),
            Refused::Revoked => Self::wrong_credentials(),
            Refused::Failed => Self::failed(),
        }
    }
}

impl From<&Rejection> for Problem {
    /// Only the first complaint is reported.
    fn from(rejection: &Rejection) -> Self {
        let Complaint { field, invalid, .. } = rejection.first();
        let shape = match field {
            Field::Contact if *invalid != Invalid::not_text(Field::Contact) => Shape::Contact,
            _ => Shape::Input,
        };
        Self { shape, ..Self::invalid(field.name(), invalid) }
    }
}

impl From<NotAdmitted> for Problem {
    fn from(not_admitted: NotAdmitted) -> Self {
        match not_admitted {
            NotAdmitted::Refused(_) => Self::wrong_credentials(),
            NotAdmitted::TooMany(seconds) => Self::too_many(seconds),
            NotAdmitted::Crowded | NotAdmitted::Busy => Self::busy(),
            NotAdmitted::Failed => Self::failed(),
        }
    }
}

impl From<Reached> for Problem {
    fn from(Reached(seconds): Reached) -> Self {
        Self::too_many(seconds)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.description)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CONTENT_TYPE, "application/json")).insert_header((CACHE_CONTROL, "no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, r#"Basic realm="patron""#));
        }
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.body(serde_json::to_vec(&Envelope::of(self)).unwrap_or_default())
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorBody<'a>,
}

impl<'a> Envelope<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self { error: ErrorBody::of(problem) }
    }
}

/// The keys in the documented order. No key is ever named `internal_error_code`: the Go client takes it for success.
#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'static str,
    description: &'a str,
    source: &'static str,
    step: &'static str,
    reason: &'static str,
    metadata: MetadataBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

#[derive(Serialize)]
struct MetadataBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<CustomerJson<'a>>,
}

impl<'a> ErrorBody<'a> {
    fn of(problem: &'a Problem) -> Self {
        let (source, step, reason) = match problem.shape {
            Shape::Contact => ("business", "NA", "invalid_contact_number"),
            Shape::Plain => ("NA", "NA", "NA"),
            Shape::Input => ("business", "payment_initiation", "input_validation_failed"),
        };
        let (customer_id, customer) = match &problem.metadata {
            Metadata::Nothing => (None, None),
            Metadata::CustomerId(id) => (Some(id.as_str()), None),
            Metadata::Customer(customer) => (None, Some(CustomerJson::of(customer))),
        };
        let metadata = MetadataBody { customer_id, customer };
        Self {
            code: problem.code(),
            description: &problem.description,
            source,
            step,
            reason,
            metadata,
            field: problem.field,
        }
    }
}

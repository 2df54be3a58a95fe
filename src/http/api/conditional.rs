//! Conditional requests (RFC 9110, section 13): a customer's version is its strong entity tag.

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, Header, HeaderValue, IF_MATCH, IF_NONE_MATCH, IfMatch, IfNoneMatch};

use crate::domain::Customer;
use crate::service::Precondition;

/// The strong entity tag of a customer as it stands.
pub(super) fn etag(customer: &Customer) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", customer.version)).expect("digits in quotes are a header value")
}

/// Whether the caller says by `If-None-Match` that it has this customer as it stands.
pub(super) fn is_known(request: &HttpRequest, customer: &Customer) -> bool {
    if !request.headers().contains_key(IF_NONE_MATCH) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        // Weak or strong: what one has, one has.
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| version(tag) == Some(customer.version)),
        Err(_) => false,
    }
}

/// What `If-Match` asks of an edit. A weak tag never matches; nor does what is no tag at all.
pub(super) fn precondition(request: &HttpRequest) -> Precondition {
    if !request.headers().contains_key(IF_MATCH) {
        return Precondition::None;
    }
    match IfMatch::parse(request) {
        // Any customer will do, and that there is one is checked in any case.
        Ok(IfMatch::Any) => Precondition::None,
        Ok(IfMatch::Items(tags)) => {
            Precondition::Versions(tags.iter().filter(|tag| !tag.weak).filter_map(version).collect())
        }
        Err(_) => Precondition::Versions(Vec::new()),
    }
}

/// The version that [`etag`] gives this tag. Others are spelled `01` or `+1`, and are no tags of ours.
fn version(tag: &EntityTag) -> Option<u64> {
    tag.tag().parse().ok().filter(|version: &u64| version.to_string() == tag.tag())
}

//! The URLs of the API. Told apart here and not by the router, whose patterns are regular expressions: matching one took a sixth
//! of a read's instructions.

use actix_web::guard::{Guard, GuardContext};
use percent_encoding::percent_decode_str;

/// What a URL stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Place {
    /// All customers.
    Customers,
    /// One of them.
    Customer,
    /// Its history.
    Revisions,
    /// Its payment tokens.
    Tokens,
}

impl Place {
    /// What stands at a path, if anything.
    pub(in crate::http) fn at(path: &str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let mut next = || segments.next();
        let is = |segment: Option<&str>, name: &str| {
            segment.is_some_and(|segment| percent_decode_str(segment).eq(name.bytes()))
        };
        if !is(next(), "v1") || !is(next(), "customers") {
            return None;
        }
        match (next(), next(), next()) {
            (None, ..) => Some(Self::Customers),
            (Some(_), None, _) => Some(Self::Customer),
            (Some(_), last, None) if is(last, "revisions") => Some(Self::Revisions),
            (Some(_), last, None) if is(last, "tokens") => Some(Self::Tokens),
            _ => None,
        }
    }

    /// The pattern of its URL.
    pub(in crate::http) fn pattern(self) -> &'static str {
        match self {
            Self::Customers => "/v1/customers",
            Self::Customer => "/v1/customers/{id}",
            Self::Revisions => "/v1/customers/{id}/revisions",
            Self::Tokens => "/v1/customers/{id}/tokens",
        }
    }
}

impl Guard for Place {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        Self::at(context.head().uri.path()) == Some(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_by_its_segments() {
        for (path, place) in [
            ("/v1/customers", Some(Place::Customers)),
            ("//v1/customers/", Some(Place::Customers)),
            ("/v1/%63ustomers", Some(Place::Customers)),
            ("/v1/customers/x", Some(Place::Customer)),
            ("/v1/customers/x//", Some(Place::Customer)),
            ("/v1/customers/a%2Fb", Some(Place::Customer)),
            ("/v1/customers/x/revisions", Some(Place::Revisions)),
            ("/v1/customers/x/tokens/", Some(Place::Tokens)),
            ("/v1/customers/x/tokens/token_1", None),
            ("/v1/customers/x/revision", None),
            ("/v1/customers/x/revisions/1", None),
            ("/v1/customersx", None),
            ("/v1", None),
            ("/v1/Customers", None),
            ("/customers", None),
            ("/", None),
        ] {
            assert_eq!(Place::at(path), place, "{path}");
        }
    }
}

//! What remains of a customer who was erased: that there was one.

use super::{Actor, Customer, CustomerId, Mode, RequestRecord, Revision};

/// The fact that a customer was erased. Of the values nothing is left, so nothing of them is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Whose record it was.
    pub customer: CustomerId,
    /// The mode it was in.
    pub mode: Mode,
    /// When, in Unix seconds.
    pub at: i64,
    /// Who did it.
    pub actor: Actor,
}

/// All data that is stored about a customer.
#[derive(Clone, Debug)]
pub struct Held {
    pub customer: Customer,
    /// Its whole history, newest first.
    pub revisions: Vec<Revision>,
    /// The records of requests that name the customer, newest first.
    pub requests: Vec<RequestRecord>,
    /// The search index has the record.
    pub in_search: bool,
}

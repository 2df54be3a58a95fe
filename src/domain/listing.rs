//! Lists of customers: which customers, where a page begins, and what a page holds.

use super::{Customer, CustomerId, Query};

/// A filter of the customers of a mode.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub span: Span,
    /// The email, by [`super::Email::key`].
    pub email_key: Option<String>,
    pub contact: Option<String>,
}

/// So many items of a list, after so many others.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    pub count: u64,
    pub skip: u64,
}

/// When customers were created, in Unix seconds, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// Where a page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Newest,
    /// After this customer, towards the oldest.
    OlderThan(CustomerId),
    /// The page that ends before this customer.
    NewerThan(CustomerId),
}

/// Where an export goes on: after this customer, whether it still exists or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    pub created_at: i64,
    pub id: CustomerId,
    pub number: i64,
}

/// The customers of a mode to export.
#[derive(Clone, Debug)]
pub enum Walk {
    /// By time of creation, newest first.
    Created(Span),
    /// By a search, the last added first.
    Matching(Query),
}

/// A customer in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub customer: Customer,
    /// The time of its last revision, in Unix seconds.
    pub edited_at: i64,
}

/// A page of customers, newest first, from whichever side it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub items: Vec<Listed>,
    /// There are more before the first: the one that the page was asked from counts.
    pub newer: bool,
    /// The same after the last.
    pub older: bool,
}

//! Lists of customers: which customers, where a page begins, and what a page holds.

use super::{Customer, CustomerId, Query};

/// Which customers of a mode to list. Absent: not asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Created in this span.
    pub span: Span,
    /// With this email, by [`super::Email::key`].
    pub email_key: Option<String>,
    /// With this contact, verbatim.
    pub contact: Option<String>,
}

/// A part of a long list.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// How many items at most.
    pub count: u64,
    /// How many to leave out first.
    pub skip: u64,
}

/// When customers were created, in Unix seconds, both ends included. Absent: no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// At this second or later.
    pub from: Option<i64>,
    /// At this second or earlier.
    pub to: Option<i64>,
}

/// Where a page of a list begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the newest.
    Newest,
    /// After this customer, on the way to the eldest.
    OlderThan(CustomerId),
    /// Before this customer: the page that ends just above it.
    NewerThan(CustomerId),
}

/// Where a walk through a list goes on, whoever has come, changed or gone meanwhile: the customer who stood there last, gone
/// or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// When it was created, in Unix seconds.
    pub created_at: i64,
    /// Its id.
    pub id: CustomerId,
    /// Its number in the store.
    pub number: i64,
}

/// Which customers of a mode to walk through.
#[derive(Clone, Debug)]
pub enum Walk {
    /// Those created in this span, newest first.
    Created(Span),
    /// Those that match, the last added first.
    Matching(Query),
}

/// A customer in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// As it stands.
    pub customer: Customer,
    /// When its last revision was made, in Unix seconds.
    pub edited_at: i64,
}

/// Some of a list, newest first whichever way one came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The customers, as many as were asked for or as there are.
    pub items: Vec<Listed>,
    /// Whether there are more before the first. Where one came from there, the customer that one came from is.
    pub newer: bool,
    /// Whether there are more after the last, in the same way.
    pub older: bool,
}

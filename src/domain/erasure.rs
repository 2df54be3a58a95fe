//! What remains of a customer who was erased: that there was one.

use super::{Actor, CustomerId, Mode};

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

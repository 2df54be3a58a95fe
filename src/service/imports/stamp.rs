//! The revisions that an import creates.

use crate::domain::{Actor, Changes, Customer, Edited, Passage, Revision};

/// The fields that all revisions of one batch of an import have in common.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) import: i64,
    /// In Unix seconds.
    pub(super) at: i64,
    pub(super) actor: Actor,
}

impl Stamp {
    /// Returns an edited customer with its next version, and the revision.
    pub(super) fn edited(&self, mut customer: Customer, changes: Changes, undoes: Option<u64>) -> Edited {
        customer.version += 1;
        let revision = Revision {
            customer: customer.id.clone(),
            version: customer.version,
            at: self.at,
            actor: self.actor.clone(),
            request_id: None,
            request: None,
            undoes,
            import: Some(self.import),
            passage: None,
            changes,
        };
        Edited { customer, revision }
    }

    /// Returns a customer that moves to the recycle bin or back.
    pub(super) fn passed(&self, customer: Customer, passage: Passage) -> Edited {
        let mut edited = self.edited(customer, Changes::default(), None);
        edited.revision.passage = Some(passage);
        edited
    }
}

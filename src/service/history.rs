//! What became of customers over time: their history, how they were, undoing an edit, and who did what.

use super::{Caller, Customers, Precondition, Refused};
use crate::domain::{ActivityFilter, ActivityPage, Customer, CustomerId, Invalid, Rejection, Revision, Slice, Undo};

impl Customers {
    /// A customer's revisions, newest first.
    pub async fn history(&self, caller: &Caller, id: &CustomerId, slice: Slice) -> Result<Vec<Revision>, Refused> {
        self.store.history(caller.requester(), caller.mode, id, slice).await?.ok_or(Refused::NotFound)
    }

    /// The revision that made this version of a customer.
    pub async fn revision(&self, caller: &Caller, id: &CustomerId, version: u64) -> Result<Revision, Refused> {
        self.store.revision(caller.requester(), caller.mode, id, version).await?.ok_or(Refused::NotFound)
    }

    /// The customer as it stood at a version.
    pub async fn at(&self, caller: &Caller, id: &CustomerId, version: u64) -> Result<Customer, Refused> {
        let since =
            if version == 0 { None } else { self.store.since(caller.requester(), caller.mode, id, version).await? };
        let (mut customer, newer) = since.ok_or(Refused::NotFound)?;
        for revision in newer {
            revision.changes.revert(&mut customer);
        }
        Ok(Customer { version, ..customer })
    }

    /// Gives each value that a revision changed back the value before it, whatever happened to it since, if the customer is
    /// at the version `seen`. An edit like any other, with a revision of its own: so it can be undone too.
    pub async fn undo(&self, caller: &Caller, id: &CustomerId, version: u64, seen: u64) -> Result<Customer, Refused> {
        let revision = undoable(self.revision(caller, id, version).await?)?;
        let edit = revision.changes.undoing().parse().map_err(Refused::Invalid)?;
        self.change(caller, id, edit, Precondition::Versions(vec![seen]), Some(version)).await
    }

    /// What [`Self::undo`] would do, for the version of `now`.
    pub async fn undo_preview(&self, caller: &Caller, id: &CustomerId, version: u64) -> Result<Undo, Refused> {
        let before = version.checked_sub(1).ok_or(Refused::NotFound)?;
        let (now, mut later) =
            self.store.since(caller.requester(), caller.mode, id, before).await?.ok_or(Refused::NotFound)?;
        let revision = undoable(later.pop().ok_or(Refused::NotFound)?)?;
        Ok(Undo::of(now, revision, &later))
    }

    /// The edits of the caller's mode, newest first, from `before` on, which is where a page before this one ended.
    pub async fn activity(
        &self,
        caller: &Caller,
        filter: ActivityFilter,
        before: Option<i64>,
        count: u64,
    ) -> Result<ActivityPage, Refused> {
        Ok(self.store.activity(caller.requester(), caller.mode, filter, before, count).await?)
    }
}

fn undoable(revision: Revision) -> Result<Revision, Refused> {
    if revision.version == 1 {
        return Err(Refused::Invalid(Rejection::whole(Invalid::CREATION_STAYS)));
    }
    Ok(revision)
}

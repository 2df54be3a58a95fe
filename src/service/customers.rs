//! What can be done with customers: create, fetch, list and edit them.

use std::sync::Arc;

use super::{Ambient, Caller, Refused};
use crate::domain::{
    Changes, Customer, CustomerId, Draft, Edit, Edited, Filter, Meeting, Page, Place, Query, Revision, Slice, Span,
};
use crate::store::Store;

/// The customers of one store.
pub struct Customers {
    pub(super) store: Arc<Store>,
    ambient: Ambient,
}

/// What creating does where the pair of email and contact is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfTaken {
    /// Refuses.
    Refuse,
    /// Gives the customer that has the pair, unchanged.
    Find,
}

/// What must be so for an edit to happen, checked in the same transaction as the edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing in particular.
    None,
    /// The customer is at one of these versions.
    Versions(Vec<u64>),
    /// Nobody has given what this edit changes another value since the customer was as it is here. What others changed
    /// meanwhile stays.
    Base(Box<Customer>),
}

impl Precondition {
    /// What the edit makes of the customer as it stands, if it may.
    fn after(&self, edit: &Edit, now: &Customer) -> Result<Customer, Refused> {
        let after = match self {
            Self::None => Some(edit.over(now)),
            Self::Versions(versions) => versions.contains(&now.version).then(|| edit.over(now)),
            Self::Base(base) => Meeting::merge(base, &edit.over(base), now),
        };
        after.ok_or_else(|| Refused::Conflict(Box::new(now.clone())))?.judged().map_err(Refused::Invalid)
    }
}

impl Customers {
    pub(super) fn new(store: Arc<Store>, ambient: Ambient) -> Self {
        Self { store, ambient }
    }

    /// Creates a customer: an edit of a blank one.
    pub async fn create(&self, caller: &Caller, draft: Draft, if_taken: IfTaken) -> Result<Customer, Refused> {
        let edit = draft.parse().map_err(Refused::Invalid)?;
        // Id and time come from one reading of the clock, so that they sort alike.
        let now = self.ambient.nanos();
        let id = CustomerId::new(now, self.ambient.customer_digits());
        let new = created(caller, id, seconds_of(now), &edit)?;
        let customer = match if_taken {
            IfTaken::Refuse => self.store.insert(caller.requester(), new).await?,
            IfTaken::Find => self.store.insert_or_find(caller.requester(), new).await?,
        };
        Ok(customer)
    }

    /// One customer.
    pub async fn fetch(&self, caller: &Caller, id: &CustomerId) -> Result<Customer, Refused> {
        self.store.find(caller.mode, id).await?.ok_or(Refused::NotFound)
    }

    /// Customers, newest first.
    pub async fn list(&self, caller: &Caller, filter: Filter, slice: Slice) -> Result<Vec<Customer>, Refused> {
        Ok(self.store.page(caller.requester(), caller.mode, filter, slice).await?)
    }

    /// Customers created in a span, newest first, beginning beside one of them.
    pub async fn browse(&self, caller: &Caller, span: Span, place: Place, count: u64) -> Result<Page, Refused> {
        self.store.page_beside(caller.requester(), caller.mode, span, place, count).await?.ok_or(Refused::NotFound)
    }

    /// Customers that match, the last added first, beginning beside one of them. As they stand now: found by the edit
    /// of a moment ago, and not by what it replaced.
    pub async fn search(&self, caller: &Caller, query: &Query, place: Place, count: u64) -> Result<Page, Refused> {
        self.store.search(caller.requester(), caller.mode, query.clone(), place, count).await?.ok_or(Refused::NotFound)
    }

    /// Edits a customer and gives it as it is afterwards. What changes nothing leaves no trace.
    pub async fn edit(
        &self,
        caller: &Caller,
        id: &CustomerId,
        draft: Draft,
        precondition: Precondition,
    ) -> Result<Customer, Refused> {
        let edit = draft.parse().map_err(Refused::Invalid)?;
        self.change(caller, id, edit, precondition, None).await
    }

    /// An edit, or the undoing of one.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        id: &CustomerId,
        edit: Edit,
        precondition: Precondition,
        undoes: Option<u64>,
    ) -> Result<Customer, Refused> {
        let (at, asker) = (self.ambient.seconds(), caller.clone());
        let decision = move |now: &Customer| -> Result<Option<Edited>, Refused> {
            let after = precondition.after(&edit, now)?;
            let changes = Changes::between(now, &after);
            Ok((!changes.is_empty()).then(|| edited(&asker, after, changes, at, undoes)))
        };
        Ok(self.store.edit(caller.requester(), caller.mode, id, decision).await?)
    }
}

fn seconds_of(nanos: u64) -> i64 {
    (nanos / 1_000_000_000).cast_signed()
}

/// The new customer that an edit of a blank one gives.
pub(super) fn created(caller: &Caller, id: CustomerId, at: i64, edit: &Edit) -> Result<Edited, Refused> {
    let blank = Customer::blank(id, caller.mode, at);
    let customer = edit.apply(&blank).map_err(Refused::Invalid)?;
    let changes = Changes::between(&blank, &customer);
    Ok(edited(caller, customer, changes, at, None))
}

fn edited(caller: &Caller, mut customer: Customer, changes: Changes, at: i64, undoes: Option<u64>) -> Edited {
    customer.version += 1;
    let revision = Revision {
        customer: customer.id.clone(),
        version: customer.version,
        at,
        actor: caller.actor.clone(),
        request_id: caller.request_id.clone(),
        request: caller.request,
        undoes,
        import: None,
        passage: None,
        changes,
    };
    Edited { customer, revision }
}

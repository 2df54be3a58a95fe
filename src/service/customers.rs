//! What can be done with customers: create, fetch, list, edit, and read their history.

use std::sync::Arc;

use super::{Ambient, Caller, Refused};
use crate::domain::{Changes, Customer, CustomerId, Draft, Edit, Edited, Rejection, Revision};
use crate::store::{Decide, Filter, Slice, Store};

/// The customers of one store.
pub struct Customers {
    store: Arc<Store>,
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
}

impl Precondition {
    fn check(&self, customer: &Customer) -> Result<(), Refused> {
        match self {
            Self::Versions(versions) if !versions.contains(&customer.version) => {
                Err(Refused::Conflict(Box::new(customer.clone())))
            }
            Self::None | Self::Versions(_) => Ok(()),
        }
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
        let id = CustomerId::new(now, self.id_digits());
        let new = created(caller, id, seconds_of(now), &edit)?;
        let customer = match if_taken {
            IfTaken::Refuse => self.store.insert(new).await?,
            IfTaken::Find => self.store.insert_or_find(new).await?,
        };
        Ok(customer)
    }

    /// One customer.
    pub async fn fetch(&self, caller: &Caller, id: &CustomerId) -> Result<Customer, Refused> {
        self.store.find(caller.mode, id).await?.ok_or(Refused::NotFound)
    }

    /// Customers, newest first.
    pub async fn list(&self, caller: &Caller, filter: Filter, slice: Slice) -> Result<Vec<Customer>, Refused> {
        Ok(self.store.page(caller.mode, filter, slice).await?)
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
        let decision = decision(caller.clone(), edit, precondition, self.ambient.seconds());
        Ok(self.store.edit(caller.mode, id, decision).await?)
    }

    /// A customer's revisions, newest first.
    pub async fn history(&self, caller: &Caller, id: &CustomerId, slice: Slice) -> Result<Vec<Revision>, Refused> {
        self.store.history(caller.mode, id, slice).await?.ok_or(Refused::NotFound)
    }

    /// Four numbers below 62, each as likely as the others.
    fn id_digits(&self) -> [u8; 4] {
        let number = u64::from_be_bytes(self.ambient.random_bytes());
        [0, 1, 2, 3].map(|place| (number / 62_u64.pow(place) % 62) as u8)
    }
}

fn seconds_of(nanos: u64) -> i64 {
    (nanos / 1_000_000_000).cast_signed()
}

/// The new customer that an edit of a blank one gives.
pub(super) fn created(caller: &Caller, id: CustomerId, at: i64, edit: &Edit) -> Result<Edited, Refused> {
    let blank = Customer::blank(id, caller.mode, at);
    let customer = edit.apply(&blank);
    if !customer.is_knowable() {
        return Err(Refused::Invalid(Rejection::unknowable()));
    }
    let changes = Changes::between(&blank, &customer);
    Ok(edited(caller, customer, changes, at))
}

/// What becomes of a customer, given how it stands: in the order in which refusals are reported.
fn decision(caller: Caller, edit: Edit, precondition: Precondition, at: i64) -> impl Decide<Refused> {
    move |before: &Customer| {
        precondition.check(before)?;
        let after = edit.apply(before);
        if !after.is_knowable() {
            return Err(Refused::Invalid(Rejection::unknowable()));
        }
        let changes = Changes::between(before, &after);
        Ok((!changes.is_empty()).then(|| edited(&caller, after, changes, at)))
    }
}

fn edited(caller: &Caller, mut customer: Customer, changes: Changes, at: i64) -> Edited {
    customer.version += 1;
    let revision = Revision {
        customer: customer.id.clone(),
        version: customer.version,
        at,
        actor: caller.actor.clone(),
        request_id: caller.request_id.clone(),
        undoes: None,
        changes,
    };
    Edited { customer, revision }
}

//! The history of one customer, read in one transaction with the customer.

use super::{Error, Requester, Store, customers, revisions, snapshot};
use crate::domain::{Customer, CustomerId, Mode, Revision, Slice};

impl Store {
    /// A customer's revisions, newest first; `None` where there is no such customer.
    pub async fn history(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        slice: Slice,
    ) -> Result<Option<Vec<Revision>>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let Some(row) = customers::find(&snapshot, mode, &id)? else { return Ok(None) };
            // Past its end, a history need not be walked to be found empty.
            if slice.skip >= row.customer.version {
                return Ok(Some(Vec::new()));
            }
            revisions::page(&snapshot, &id, row.revision, slice).map(Some)
        };
        self.readers.away_of(requester, ask).await
    }

    /// A customer with its revisions after this version, newest first; `None` where it has no such version.
    pub async fn since(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        version: u64,
    ) -> Result<Option<(Customer, Vec<Revision>)>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let row = customers::find(&snapshot, mode, &id)?;
            let Some(row) = row.filter(|row| version <= row.customer.version) else { return Ok(None) };
            let slice = Slice { count: row.customer.version - version, skip: 0 };
            Ok(Some((row.customer, revisions::page(&snapshot, &id, row.revision, slice)?)))
        };
        self.readers.away_of(requester, ask).await
    }

    /// The revision that made this version of a customer.
    pub async fn revision(
        &self,
        requester: Requester,
        mode: Mode,
        id: &CustomerId,
        version: u64,
    ) -> Result<Option<Revision>, Error> {
        let id = id.clone();
        let ask = move |connection: &_| {
            let snapshot = snapshot(connection)?;
            let row = customers::find(&snapshot, mode, &id)?;
            let Some(row) = row.filter(|row| (1..=row.customer.version).contains(&version)) else { return Ok(None) };
            let slice = Slice { count: 1, skip: row.customer.version - version };
            Ok(revisions::page(&snapshot, &id, row.revision, slice)?.pop())
        };
        self.readers.away_of(requester, ask).await
    }
}

//! The rules of undoing an import, and of undoing that. A customer that the import created moves to the recycle bin and back; one that
//! it changed gets the values of before, except those that were edited since.

use super::stamp::Stamp;
use crate::domain::import::is_as_made;
use crate::domain::{
    Changes, Customer, CustomerId, Edited, Fate, ImportRow, Outcome, Passage, Rejection, Reversal, Revision,
};
use crate::store::{Error, ImportLookup, Reverse, ReverseWrite};

/// A customer with so many later revisions counts as edited since: edits wait while they are read.
const SINCE_MAX: usize = 1_000;

/// The decision about each row of an import that is undone or redone.
pub(super) struct Reversing {
    pub(super) stamp: Stamp,
    pub(super) undoes: bool,
}

/// A row that is undone or redone.
struct Written<'a> {
    id: &'a CustomerId,
    /// The version that the import created last.
    version: u64,
    is_update: bool,
}

/// A revision of the import, and what others did to the customer since, newest first.
struct Since {
    revision: Revision,
    later: Vec<Revision>,
}

/// A way to give a customer the values of before a revision.
enum Restored {
    /// The edit, and whether it leaves values that were edited since.
    Edit(Box<Edited>, bool),
    Unchanged,
    Breaks(Rejection),
}

impl Reversing {
    /// Decides about one row. `None` where there is nothing to do.
    pub(super) fn decide(&self, row: &ImportRow, lookup: &ImportLookup<'_>) -> Result<Option<Reverse>, Error> {
        let is_update = match row.outcome {
            Some(Outcome::Create) => false,
            Some(Outcome::Update) => true,
            _ => return Ok(None),
        };
        let Some((id, version)) = row.customer.as_ref().zip(row.version) else { return Ok(None) };
        let written = Written { id, version, is_update };
        match (self.undoes, row.fate) {
            (true, Some(Fate::Applied)) => self.undo(&written, lookup).map(Some),
            (false, Some(Fate::Undone | Fate::Partly | Fate::Away)) => self.redo(&written, lookup).map(Some),
            // They have been in effect all the time.
            (false, Some(Fate::Kept | Fate::Needed)) => Ok(Some(Fate::Applied.into())),
            _ => Ok(None),
        }
    }

    fn undo(
        &self,
        &Written { id, version, is_update }: &Written<'_>,
        lookup: &ImportLookup<'_>,
    ) -> Result<Reverse, Error> {
        let Some(now) = lookup.find(id)? else { return Ok(Fate::Gone.into()) };
        let Some(since) = self.since(id, version, lookup)? else { return Ok(Fate::Kept.into()) };
        if is_update {
            return Ok(match self.restore(&now, &since, version) {
                Restored::Edit(edited, keeps) => {
                    let fate = if keeps { Fate::Partly } else { Fate::Undone };
                    Reverse::Write(ReverseWrite::Edit(edited), fate, Fate::Needed)
                }
                Restored::Unchanged => Fate::Kept.into(),
                Restored::Breaks(rejection) => Reverse::Mark(Fate::Needed, Some(reason("was kept", &rejection))),
            });
        }
        if !is_as_made(&now, &since.later) {
            return Ok(Fate::Kept.into());
        }
        let removed = self.stamp.passed(now, Passage::Withdrawn);
        Ok(Reverse::Write(ReverseWrite::Remove(Box::new(removed)), Fate::Undone, Fate::Kept))
    }

    fn redo(
        &self,
        &Written { id, version, is_update }: &Written<'_>,
        lookup: &ImportLookup<'_>,
    ) -> Result<Reverse, Error> {
        let removed = lookup.find_removed(id)?;
        if !is_update {
            return Ok(removed.map_or(Fate::Gone.into(), |customer| {
                let restored = self.stamp.passed(customer, Passage::Returned);
                Reverse::Write(ReverseWrite::Restore(Box::new(restored)), Fate::Applied, Fate::Away)
            }));
        }
        let Some(now) = lookup.find(id)? else {
            // In the recycle bin, with the import that created it, it may come back.
            return Ok(if removed.is_some() { Fate::Away } else { Fate::Gone }.into());
        };
        let Some(since) = self.since(id, version, lookup)? else { return Ok(Fate::Away.into()) };
        Ok(match self.restore(&now, &since, version) {
            Restored::Edit(edited, _) => Reverse::Write(ReverseWrite::Edit(edited), Fate::Applied, Fate::Away),
            Restored::Unchanged => Fate::Away.into(),
            Restored::Breaks(rejection) => Reverse::Mark(Fate::Away, Some(reason("was not brought back", &rejection))),
        })
    }

    fn restore(&self, now: &Customer, since: &Since, version: u64) -> Restored {
        let Reversal { after, keeps } = match Reversal::of(now, &since.revision, &since.later) {
            Ok(reversal) => reversal,
            Err(rejection) => return Restored::Breaks(rejection),
        };
        let changes = Changes::between(now, &after);
        if changes.is_empty() {
            return Restored::Unchanged;
        }
        Restored::Edit(Box::new(self.stamp.edited(after, changes, Some(version))), keeps)
    }

    /// Finds what the import did to a customer: its first revision where that is in effect, however often it was undone and redone;
    /// else the one that undid it. `None` where it is more than [`SINCE_MAX`] revisions back.
    fn since(&self, id: &CustomerId, mut version: u64, lookup: &ImportLookup<'_>) -> Result<Option<Since>, Error> {
        let mut later = Vec::new();
        for revision in lookup.revisions(id)?.take(SINCE_MAX) {
            let revision = revision?;
            if revision.version != version {
                later.extend((revision.import != Some(self.stamp.import)).then_some(revision));
                continue;
            }
            match revision.undoes.filter(|_| self.undoes) {
                Some(earlier) => version = earlier,
                None => return Ok(Some(Since { revision, later })),
            }
        }
        Ok(None)
    }
}

fn reason(what: &str, rejection: &Rejection) -> String {
    format!("{what}, for the values of before break a rule: {}", rejection.first().invalid.words())
}

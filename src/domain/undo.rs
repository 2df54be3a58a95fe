//! What undoing a revision would do, for people to see before they ask for it.

use super::{Actor, Customer, NoteValue, Part, Revision};

/// A revision, and what is left of it to take back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// The customer as it stands.
    pub now: Customer,
    /// The revision to undo.
    pub revision: Revision,
    /// Each value that the revision changed.
    pub parts: Vec<Undone>,
}

/// One value before and after the undo; `None` where it is unset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Which.
    pub part: Part,
    /// As it stands.
    pub now: Option<NoteValue>,
    /// As the undo leaves it.
    pub after: Option<NoteValue>,
    /// The last later revision that changed it, whose value would be lost; none where that value is what the undo leaves.
    pub touched: Option<Touch>,
}

/// A later revision that changed the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Its version.
    pub version: u64,
    /// When, in Unix seconds.
    pub at: i64,
    /// Who asked for it.
    pub actor: Actor,
}

impl Undo {
    /// `later` are the revisions after the one to undo, newest first.
    pub fn of(now: Customer, revision: Revision, later: &[Revision]) -> Self {
        let mut after = now.clone();
        revision.changes.revert(&mut after);
        let parts = revision.changes.parts().into_iter().map(|part| {
            let (now, after) = (now.value(&part), after.value(&part));
            let touch = later.iter().find(|later| later.changes.touch(&part));
            Undone { touched: touch.filter(|_| now != after).map(Touch::of), now, after, part }
        });
        Self { parts: parts.collect(), now, revision }
    }

    /// Whether every value is already what the undo would make it.
    pub fn changes_nothing(&self) -> bool {
        self.parts.iter().all(|part| part.now == part.after)
    }
}

impl Touch {
    fn of(revision: &Revision) -> Self {
        Self { version: revision.version, at: revision.at, actor: revision.actor.clone() }
    }
}

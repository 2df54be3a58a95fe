//! A file of customers that comes in: what it is, how far it is, and what became of each of its rows.

use super::{Actor, Change, Changes, Customer, CustomerId, Mode, Part, Rejection, Revision};

/// A file of customers, from its upload until it is applied and, perhaps, undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What people call it: counts from 1, and none comes twice.
    pub number: i64,
    /// Where its customers are to be.
    pub mode: Mode,
    /// When it came, in Unix seconds.
    pub at: i64,
    /// Who brought it.
    pub actor: Actor,
    /// The name of the file.
    pub file: String,
    /// `csv` or `jsonl`.
    pub format: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// Which column is what, as text; `None` until somebody says so.
    pub mapping: Option<String>,
    /// Where it stands.
    pub state: ImportState,
    /// The number of its rows.
    pub rows: u64,
    /// How many of them the work is done with that the state names.
    pub done: u64,
    /// When it last moved, in Unix seconds.
    pub moved_at: i64,
    /// In how many of the rows that it writes typographic apostrophes, hyphens or spaces were replaced.
    pub respelled: u64,
    /// How many rows have which outcome and which fate.
    pub counts: Vec<(Outcome, Option<Fate>, u64)>,
    /// What was done with it as a whole, the eldest first.
    pub steps: Vec<ImportStep>,
}

impl Import {
    /// How many rows have this outcome, whatever became of them.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.counts.iter().filter(|(each, ..)| *each == outcome).map(|(.., count)| count).sum()
    }

    /// How many rows are refused, or could not even be read.
    pub fn refused(&self) -> u64 {
        self.count(Outcome::Refused) + self.count(Outcome::Unread)
    }

    /// How many rows found their customer so already, and left it.
    pub fn unchanged(&self) -> u64 {
        self.counts.iter().filter(|each| (each.0, each.1) == (Outcome::Unchanged, None)).map(|(.., count)| count).sum()
    }

    /// How many rows have this fate.
    pub fn fated(&self, fate: Fate) -> u64 {
        self.counts.iter().filter(|(_, each, _)| *each == Some(fate)).map(|(.., count)| count).sum()
    }

    /// How many rows that make or change a customer have no fate yet.
    pub fn waiting(&self) -> u64 {
        let waits = |(outcome, fate, _): &&(Outcome, Option<Fate>, u64)| {
            fate.is_none() && matches!(outcome, Outcome::Create | Outcome::Update)
        };
        self.counts.iter().filter(waits).map(|(.., count)| count).sum()
    }

    /// How many rows with this outcome have this fate.
    pub fn with(&self, outcome: Outcome, fate: Fate) -> u64 {
        self.counts.iter().find(|each| (each.0, each.1) == (outcome, Some(fate))).map_or(0, |(.., count)| *count)
    }

    /// Who began the work that its state names, or the last that is done: whoever brought it, before there was any.
    pub fn mover(&self) -> &Actor {
        self.steps.last().map_or(&self.actor, |step| &step.actor)
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Its name, in lower case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one of this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named! {
    /// Where an import stands.
    ImportState {
        /// Rows come in.
        Receiving = "receiving",
        /// All rows are here; which column is what is to be said.
        Received = "received",
        /// What each row would do is found out.
        Rehearsing = "rehearsing",
        /// What each row would do is known. Nothing is written to customers yet.
        Rehearsed = "rehearsed",
        /// Rows are written to customers.
        Applying = "applying",
        /// All rows are written, but those that are listed as not.
        Applied = "applied",
        /// What it wrote is taken back.
        Undoing = "undoing",
        /// What it wrote is taken back, but what is listed as kept.
        Undone = "undone",
        /// What was taken back is brought back.
        Redoing = "redoing",
        /// It was given up before it wrote anything, and goes.
        Dropped = "dropped",
    }
}

impl ImportState {
    /// Whether something is under way: where it does not move, it was interrupted.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Receiving | Self::Rehearsing | Self::Applying | Self::Undoing | Self::Redoing)
    }

    /// Whether nothing was written to customers yet.
    pub fn is_before(self) -> bool {
        matches!(self, Self::Receiving | Self::Received | Self::Rehearsing | Self::Rehearsed | Self::Dropped)
    }

    /// Where the work ends that this state names.
    pub fn end(self) -> Self {
        match self {
            Self::Receiving => Self::Received,
            Self::Rehearsing => Self::Rehearsed,
            Self::Applying | Self::Redoing => Self::Applied,
            Self::Undoing => Self::Undone,
            settled => settled,
        }
    }
}

named! {
    /// What a row would do, by the rehearsal.
    Outcome {
        /// Make a customer.
        Create = "create",
        /// Change one.
        Update = "update",
        /// Nothing: the customer is so already.
        Unchanged = "unchanged",
        /// Nothing: it breaks a rule.
        Refused = "refused",
        /// Nothing: it could not be read.
        Unread = "unread",
    }
}

named! {
    /// What became of a row.
    Fate {
        /// It was written.
        Applied = "applied",
        /// Not written: its customer has changed since the rehearsal.
        Changed = "changed",
        /// Not written: its email and contact, or its id, are another customer's since the rehearsal.
        Taken = "taken",
        /// Neither written nor taken back: its customer, or its values, are gone.
        Gone = "gone",
        /// Taken back: the customer was withdrawn, or has the values of before.
        Undone = "undone",
        /// Taken back but for what was edited since.
        Partly = "partly",
        /// Not taken back: edited since.
        Kept = "kept",
        /// Not taken back: what it was before is another customer's since, or breaks a rule.
        Needed = "needed",
        /// Not brought back: its email and contact are another customer's since, or it was edited since.
        Away = "away",
    }
}

impl Fate {
    /// What people are told, after "line 7".
    pub fn words(self) -> &'static str {
        match self {
            Self::Applied => "was written",
            Self::Changed => "was not written: the customer has changed since the rehearsal",
            Self::Taken => {
                "was not written: another customer has this email and contact, or this id, since the rehearsal"
            }
            Self::Gone => "was left: the customer, or what the row held, is gone",
            Self::Undone => "was taken back",
            Self::Partly => "was taken back, but for what was edited since",
            Self::Kept => "was kept: the customer was edited since",
            Self::Needed => "was kept: another customer has the email and contact of before",
            Self::Away => {
                "was not brought back: another customer has this email and contact, or the customer was edited since"
            }
        }
    }
}

named! {
    /// What was done with an import as a whole.
    Step {
        /// It was applied.
        Apply = "apply",
        /// It was undone.
        Undo = "undo",
        /// The undo was undone.
        Redo = "redo",
    }
}

/// That an import was applied, undone or redone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportStep {
    /// Which.
    pub step: Step,
    /// When it began, in Unix seconds.
    pub at: i64,
    /// The actor who asked for it.
    pub actor: Actor,
}

named! {
    /// A revision that changes no value.
    Passage {
        /// The customer was withdrawn with the import that made it.
        Withdrawn = "withdrawn",
        /// The customer came back with it.
        Returned = "returned",
    }
}

/// A row of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// Where it begins in the file.
    pub line: u64,
    /// Its cells, as text; `None` once they are in a customer or were kept long enough.
    pub cells: Option<String>,
    /// What it would do; `None` before the rehearsal.
    pub outcome: Option<Outcome>,
    /// The customer that it is about, where that is known; one that is in its way, where it is refused for that.
    pub customer: Option<CustomerId>,
    /// The customer's version in the rehearsal; later the one that the import made last.
    pub version: Option<u64>,
    /// The field that it was refused for, by its name, where there is one.
    pub field: Option<String>,
    /// Why it was refused, in words.
    pub words: Option<String>,
    /// What became of it.
    pub fate: Option<Fate>,
}

impl ImportRow {
    /// Why it was not written, taken back or brought back, in words, the field before them where one is to blame; else what became
    /// of it.
    pub fn reason(&self) -> String {
        let became = self.fate.map_or("was not written: the import was undone before it came to this row", Fate::words);
        let words = self.words.as_deref().unwrap_or(became);
        self.field.as_ref().map_or(words.to_owned(), |field| format!("{field}: {words}"))
    }
}

/// What taking back an import's revision of a customer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The customer afterwards, but for its version; as it stands where nothing can be taken back.
    pub after: Customer,
    /// Whether something was changed since, and stays.
    pub keeps: bool,
}

impl Reversal {
    /// Gives each value that `revision` changed back the one before it, but for those that `later` revisions, newest first, have
    /// changed since.
    ///
    /// # Errors
    ///
    /// The rule that this breaks.
    pub fn of(now: &Customer, revision: &Revision, later: &[Revision]) -> Result<Self, Rejection> {
        let mut reverted = now.clone();
        revision.changes.revert(&mut reverted);
        let touched = |part: &Part| later.iter().any(|later| later.changes.touch(part));
        let kept: Vec<Part> = revision.changes.parts().into_iter().filter(touched).collect();
        let keeps = kept.iter().any(|part| now.value(part) != reverted.value(part));
        let mut changes = revision.changes.clone();
        changes.fields.retain(|change| !kept.contains(&Part::Field(change.field)));
        changes.notes.retain(|change| !kept.contains(&Part::Note(change.key.clone())));
        let after = changes.undoing().parse()?.apply(now)?;
        Ok(Self { after, keeps })
    }
}

/// Whether a customer, once made by `revision`, has its values still, whatever `later` ones, newest first, did and took back.
pub fn is_as_made(now: &Customer, later: &[Revision]) -> bool {
    let mut made = now.clone();
    for revision in later {
        revision.changes.revert(&mut made);
    }
    Changes::between(&made, now).is_empty()
}

impl super::Draft {
    /// The same without its email and contact: for a customer who was found by them, and keeps them as they are spelled.
    pub fn without_pair(self) -> Self {
        Self { email: Change::Keep, contact: Change::Keep, ..self }
    }
}

/// A step of an import, in the list of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportHappened {
    /// The import's number.
    pub import: i64,
    /// The step of the import.
    pub step: Step,
    /// When it began, in Unix seconds.
    pub at: i64,
    /// Who asked for it.
    pub actor: Actor,
    /// What the file was called.
    pub file: String,
    /// How many rows it has.
    pub rows: u64,
}

/// A customer who was withdrawn.
#[derive(Clone, Debug)]
pub struct Withdrawn {
    /// As it stood.
    pub customer: Customer,
    /// Its history, newest first: the newest is the removal.
    pub revisions: Vec<Revision>,
}

/// A choice of the rows of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// All.
    All,
    /// Those with this outcome; what could not be read is refused, too.
    Outcome(Outcome),
    /// Those with this fate.
    Fate(Fate),
    /// Those that are to be written, and were not come to yet.
    Waiting,
    /// Those that were not written and are to be fixed: refused, left when the import was applied, or not come to before it was undone.
    Unwritten,
}

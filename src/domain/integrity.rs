//! A check of the database: how far it is, and what it finds, with the words for people.

use std::fmt;

use super::{HashCost, Mode};

/// The remedy where nothing but the search index is damaged.
pub const REINDEX: &str = "`patron reindex` makes that index anew";

/// The progress of a check.
#[derive(Clone, Copy, Debug)]
pub enum CheckProgress {
    Pages,
    Histories {
        done: u64,
        total: u64,
    },
    /// The search index is compared with the customers: the rows are read, then the index.
    Search {
        done: u64,
        total: u64,
    },
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    pub customers: u64,
    pub revisions: u64,
    /// The first 100 faults.
    pub faults: Vec<IntegrityFault>,
}

/// A fault in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrityFault {
    Schema(SchemaDifference),
    /// A line of SQLite's own check.
    Sqlite(String),
    /// SQLite stops reading with this error.
    Unreadable(String),
    /// The search index is damaged, in SQLite's words.
    IndexDamaged(String),
    /// The search index has other terms than the customers.
    IndexDiffers,
    /// The search index has so many customers that do not exist.
    IndexStrangers(u64),
    ForeignKey {
        table: String,
        row: i64,
        parent: String,
    },
    /// The hash of a key with this id takes more work than any of Patron's.
    CostlyKey(String, HashCost),
    /// The same of the password of the person with this email.
    CostlyPassword(String, HashCost),
    /// A list offset of a mode is wrong.
    ListOffset(Mode, u64),
    /// A customer is erased, and exists.
    Erased(String),
    /// A revision and an erasure have one number.
    RevisionAndErasure(i64),
    /// A customer is in the recycle bin, and exists.
    Removed(String),
    /// The rows of an import differ from their counts.
    ImportCounts(i64),
    /// A step of an import has a number of something else.
    ImportStep(i64),
    /// Revisions name an import that was never applied.
    ImportNeverApplied(i64),
    /// The record or the history of a customer is wrong.
    Customer(String, CustomerFault),
    StrayRevisions(u64),
    /// The file has this newest revision, and a later one was acknowledged.
    EditsMissing {
        newest: i64,
        acknowledged: i64,
    },
}

impl IntegrityFault {
    /// Returns whether the fault is of the search index alone: see [`REINDEX`].
    pub fn is_of_index(&self) -> bool {
        matches!(self, Self::IndexDamaged(_) | Self::IndexDiffers | Self::IndexStrangers(_))
    }

    /// Returns whether edits could make the fault worse: it is not of the search index alone, of the schema, or of the cost of a hash.
    pub fn is_damage(&self) -> bool {
        !self.is_of_index() && !matches!(self, Self::Schema(_) | Self::CostlyKey(..) | Self::CostlyPassword(..))
    }
}

impl fmt::Display for IntegrityFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INDEX: &str = "the index of the search";
        let costly = |formatter: &mut fmt::Formatter<'_>, whose: &str, HashCost { memory, passes }: &HashCost| {
            write!(
                formatter,
                "{whose}: its hash costs too much to verify (m={memory}, t={passes}) and opens nothing; \
                 rotate the key, or set another password"
            )
        };
        match self {
            Self::Schema(difference) => {
                write!(formatter, "the schema is not the one that Patron creates: {difference}")
            }
            Self::Sqlite(line) => formatter.write_str(line),
            Self::Unreadable(error) => write!(formatter, "it cannot be read to its end: {error}"),
            Self::IndexDamaged(what) => write!(formatter, "{INDEX} is damaged ({what})"),
            Self::IndexDiffers => write!(formatter, "{INDEX} is not that of the customers"),
            Self::IndexStrangers(count) => write!(formatter, "{INDEX} has {count} customers who are not there"),
            Self::ForeignKey { table, row, parent } => {
                write!(formatter, "{table} row {row}: names a row of {parent} that is not there")
            }
            Self::CostlyKey(id, cost) => costly(formatter, &format!("the key {id}"), cost),
            Self::CostlyPassword(email, cost) => costly(formatter, &format!("the password of {email}"), cost),
            Self::ListOffset(mode, position) => {
                write!(formatter, "the mark at {position} in the list of {} customers is another", mode.as_str())
            }
            Self::Erased(id) => write!(formatter, "{id} is erased, and is there"),
            Self::RevisionAndErasure(number) => {
                write!(formatter, "{number} is the number of a revision and of an erasure")
            }
            Self::Removed(id) => write!(formatter, "{id} is withdrawn, and is there"),
            Self::ImportCounts(import) => {
                write!(formatter, "the rows of import {import} are not as many as are counted")
            }
            Self::ImportStep(number) => {
                write!(formatter, "{number} is the number of a step of an import, and of something else")
            }
            Self::ImportNeverApplied(import) => {
                write!(formatter, "revisions belong to import {import}, which was never applied")
            }
            Self::Customer(id, fault) => write!(formatter, "{id}: {fault}"),
            Self::StrayRevisions(count) => write!(formatter, "{count} revisions belong to no history"),
            Self::EditsMissing { newest, acknowledged } => write!(
                formatter,
                "edits that were acknowledged are missing: the newest revision is {newest}, and {acknowledged} was acknowledged"
            ),
        }
    }
}

/// A fault of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerFault {
    RevisionMissing,
    /// A value is none that Patron writes.
    Unreadable,
    /// The column that finds it by email has another email.
    EmailKey,
    /// A revision in its history is of another customer.
    ForeignRevision,
    /// This revision undoes one that cannot be undone.
    Undo(u64),
    /// This revision does not begin with the values of the one before.
    Gap(u64),
    /// Its revisions do not count to this version.
    Count(u64),
    End,
}

impl fmt::Display for CustomerFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RevisionMissing => formatter.write_str("a revision is missing"),
            Self::Unreadable => formatter.write_str("a value of it, or of its history, is none that was ever written"),
            Self::EmailKey => formatter.write_str("its email is not what it is found by"),
            Self::ForeignRevision => formatter.write_str("a revision in its history is another customer's"),
            Self::Undo(version) => write!(formatter, "its revision {version} undoes what is not there to undo"),
            Self::Gap(version) => write!(formatter, "its revision {version} does not begin where the one before ended"),
            Self::Count(version) => write!(formatter, "its revisions do not count from 1 to {version}"),
            Self::End => formatter.write_str("its history does not end in its present values"),
        }
    }
}

/// A difference from the schema of this binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaDifference {
    /// `table`, `index`, `view` or `trigger`.
    pub kind: String,
    /// The name of the object.
    pub name: String,
    /// The difference.
    pub change: SchemaChange,
}

/// A difference of an object of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    Missing,
    Different,
    /// It is on this table, and Patron has none.
    Extra(String),
}

impl SchemaDifference {
    /// The longest name that is shown, in characters.
    const NAME_MAX: usize = 80;

    /// Returns the statement that removes an object that is too many, where its name needs no quotes.
    pub fn remedy(&self) -> Option<String> {
        let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let is_plain = self.name.len() <= Self::NAME_MAX && self.name.chars().all(is_word);
        let is_extra = matches!(self.change, SchemaChange::Extra(_));
        (is_extra && is_plain).then(|| format!("DROP {} {}", self.kind.to_ascii_uppercase(), self.name))
    }
}

impl fmt::Display for SchemaDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name from the file is on one line and of bounded length.
        let shown = |name: &str| format!("{:?}", name.chars().take(Self::NAME_MAX).collect::<String>());
        let (kind, name) = (&self.kind, shown(&self.name));
        match &self.change {
            SchemaChange::Missing => write!(formatter, "the {kind} {name} is missing"),
            SchemaChange::Different => write!(formatter, "the {kind} {name} is defined differently"),
            SchemaChange::Extra(table) if kind == "trigger" || kind == "index" => {
                write!(formatter, "the {kind} {name} on {} is not Patron's", shown(table))
            }
            SchemaChange::Extra(_) => write!(formatter, "the {kind} {name} is not Patron's"),
        }
    }
}

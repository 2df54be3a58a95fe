//! What a customer is: values, their limits, and what one edit does. No HTTP, no SQL, no JSON, no clock, no randomness.

pub mod access;
pub mod activity;
pub mod backup;
pub mod contact;
pub mod customer;
pub mod edit;
pub mod email;
pub mod erasure;
pub mod fault;
pub mod folding;
pub mod gstin;
pub mod hash_cost;
pub mod import;
pub mod integrity;
pub mod label;
pub mod listing;
pub mod meeting;
pub mod name;
pub mod notes;
pub mod part;
pub mod password;
mod phone;
pub mod rejection;
pub mod request;
pub mod revision;
pub mod search;
pub mod undo;

pub use access::{Actor, Grant, Key, KeyId, Link, Role, Secret, SecretHash, Session, Staff, StaffId, StaffListed};
pub use activity::{ActivityFilter, ActivityPage, ActorFilter, Day, Door, Happened};
pub use backup::{Backup, Copied, Copying, FailedBackup, KeptCopy, Leaves, NoRoom, NotCopied, Restored};
pub use contact::Contact;
pub(crate) use customer::base62_digit;
pub use customer::{Customer, CustomerId, Mode};
pub use edit::{Change, Draft, Edit, NotesEdit};
pub use email::Email;
pub use erasure::{Erasure, Held};
pub use folding::is_same_text;
pub use gstin::Gstin;
pub use hash_cost::HashCost;
pub use import::{
    Fate, Import, ImportHappened, ImportRow, ImportState, ImportStep, Outcome, Passage, Reversal, RowsOf, Step,
    Withdrawn,
};
pub use integrity::{
    CheckProgress, CheckReport, CustomerFault, IntegrityFault, REINDEX, SchemaChange, SchemaDifference,
};
pub use listing::{Bookmark, Filter, Listed, Page, Place, Slice, Span, Walk};
pub use meeting::{Meeting, Met};
pub use name::Name;
pub use notes::{NoteValue, Notes};
pub use part::Part;
pub use rejection::{Complaint, Field, Invalid, Rejection};
pub use request::{Asking, Cursor, RequestFilter, RequestListed, RequestNumber, RequestRecord};
pub use revision::{Changes, Edited, FieldChange, NoteChange, Revision};
pub use search::{Query, Trigram, trigrams_of};
pub use undo::{Touch, Undo, Undone};

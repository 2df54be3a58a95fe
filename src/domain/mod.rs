//! What a customer is: values, their limits, and what one edit does. No HTTP, no SQL, no JSON, no clock, no randomness.

pub mod access;
pub mod contact;
pub mod customer;
pub mod email;
pub mod gstin;
pub mod name;
pub mod notes;
pub mod rejection;
pub mod revision;

pub use access::{Actor, Key, KeyId, Role, Secret, SecretHash, Staff, StaffId};
pub use contact::Contact;
pub(crate) use customer::base62_digit;
pub use customer::{Change, Customer, CustomerId, Draft, Edit, Mode};
pub use email::Email;
pub use gstin::Gstin;
pub use name::Name;
pub use notes::{NoteValue, Notes};
pub use rejection::{Complaint, Field, Invalid, Rejection};
pub use revision::{Changes, Edited, FieldChange, NoteChange, Revision};

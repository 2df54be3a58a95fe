//! What is wrong with a draft. The JSON API reports the first complaint, a form marks them all.

use std::borrow::Cow;

/// The parts of a request that a rule can be about, in the order in which they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// What nobody asked for: members of a request that no rule knows.
    Extra,
    /// The customer's name.
    Name,
    /// The customer's email address.
    Email,
    /// The customer's telephone number.
    Contact,
    /// The customer's tax number.
    Gstin,
    /// The customer's notes.
    Notes,
    /// Whether creating a customer that exists is an error.
    FailExisting,
    /// The customer as a whole.
    Customer,
}

impl Field {
    /// The field's name on the wire; what is not one field has none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Extra | Self::Customer => None,
            Self::Name => Some("name"),
            Self::Email => Some("email"),
            Self::Contact => Some("contact"),
            Self::Gstin => Some("gstin"),
            Self::Notes => Some("notes"),
            Self::FailExisting => Some("fail_existing"),
        }
    }
}

/// A broken rule in words. The words stand as a constant beside the rule they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    words: Cow<'static, str>,
    rule: &'static str,
}

impl Invalid {
    /// The rule that a customer can be found again.
    pub const UNKNOWABLE: Self = Self::new("At least one of name, email or contact is required.");
    /// The rule that a history begins.
    pub const CREATION_STAYS: Self = Self::new("The creation of a customer cannot be undone.");
    /// What a door says about a `fail_existing` that is neither yes nor no.
    pub const FAIL_EXISTING: Self = Self::new("The fail_existing field is invalid.");

    /// A rule with fixed words.
    pub const fn new(words: &'static str) -> Self {
        Self { words: Cow::Borrowed(words), rule: words }
    }

    /// A reason in words of its own, for people.
    pub fn reason(words: String) -> Self {
        Self { words: Cow::Owned(words), rule: "" }
    }

    /// What a door says when it was sent something other than text for a field of text.
    pub fn not_text(field: Field) -> Self {
        let words = format!("The {} must be a string.", field.name().unwrap_or("body"));
        Self { words: Cow::Owned(words), rule: "The field must be a string." }
    }

    /// What a door says when it was sent what no rule knows: the names, in the order sent.
    pub fn extra(names: &[&str]) -> Self {
        let words = format!("{} is/are not required and should not be sent", names.join(", "));
        Self { words: Cow::Owned(words), rule: "… is/are not required and should not be sent" }
    }

    /// The words of [`super::Contact::tidy`] about a phone number.
    pub fn untidy(words: String) -> Self {
        Self { words: Cow::Owned(words), rule: "The phone number cannot be tidied." }
    }

    /// The words.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The words without anything that the caller wrote, to be remembered.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// One broken rule and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What the rule is about.
    pub field: Field,
    /// The broken rule.
    pub invalid: Invalid,
    /// The key of the note to blame, where one note alone is.
    pub note: Option<String>,
}

impl Complaint {
    /// A complaint about a field as a whole.
    pub fn of(field: Field, invalid: Invalid) -> Self {
        Self { field, invalid, note: None }
    }

    /// A complaint about one note.
    pub fn of_note(key: &str, invalid: Invalid) -> Self {
        Self { field: Field::Notes, invalid, note: Some(key.to_owned()) }
    }
}

/// Every complaint about a draft, in the order of [`Field`]: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection(Vec<Complaint>);

impl Rejection {
    /// A rejection for these complaints, or `None` where there are none.
    pub fn of(mut complaints: Vec<Complaint>) -> Option<Self> {
        complaints.sort_by_key(|complaint| complaint.field);
        if complaints.is_empty() { None } else { Some(Self(complaints)) }
    }

    /// The rejection of a request for what it is, whatever its fields hold.
    pub fn whole(invalid: Invalid) -> Self {
        Self(vec![Complaint::of(Field::Customer, invalid)])
    }

    /// The first complaint.
    pub fn first(&self) -> &Complaint {
        &self.0[0]
    }

    /// All complaints.
    pub fn complaints(&self) -> &[Complaint] {
        &self.0
    }
}

//! The documented rules as patterns: written from the documents, and read by another engine with its own Unicode tables.

use std::sync::LazyLock;

use patron::domain::{Contact, Customer, Email, Gstin, Name, NoteValue};
use regex::Regex;

/// A rule that text keeps or breaks.
pub struct Rule {
    pattern: LazyLock<Regex>,
    /// The most characters, where the pattern does not say so.
    len_max: usize,
}

impl Rule {
    const fn new(len_max: usize, pattern: fn() -> Regex) -> Self {
        Self { pattern: LazyLock::new(pattern), len_max }
    }

    /// Whether the text has more characters than it may.
    pub fn is_too_long(&self, text: &str) -> bool {
        text.chars().count() > self.len_max
    }

    /// Whether the text keeps the rule.
    pub fn is_kept(&self, text: &str) -> bool {
        !self.is_too_long(text) && self.pattern.is_match(text)
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The marks of combining class 9 in Unicode's tables.
const VIRAMAS: &str = r"(?x:[\x{094D}\x{09CD}\x{0A4D}\x{0ACD}\x{0B4D}\x{0BCD}\x{0C4D}\x{0CCD}\x{0D3B}\x{0D3C}\x{0D4D}\x{0DCA}\x{0E3A}\x{0EBA}
    \x{0F84}\x{1039}\x{103A}\x{1714}\x{1715}\x{1734}\x{17D2}\x{1A60}\x{1B44}\x{1BAA}\x{1BAB}\x{1BF2}\x{1BF3}\x{2D7F}\x{A806}\x{A82C}
    \x{A8C4}\x{A953}\x{A9C0}\x{AAF6}\x{ABED}\x{10A3F}\x{11046}\x{11070}\x{1107F}\x{110B9}\x{11133}\x{11134}\x{111C0}\x{11235}
    \x{112EA}\x{1134D}\x{11442}\x{114C2}\x{115BF}\x{1163F}\x{116B6}\x{1172B}\x{11839}\x{1193D}\x{1193E}\x{119E0}\x{11A34}
    \x{11A47}\x{11A99}\x{11C3F}\x{11D44}\x{11D45}\x{11D97}\x{113CE}\x{113CF}\x{113D0}\x{11F41}\x{11F42}\x{1612F}])";

/// Letters with their marks, joiners between letters or after a virama, ASCII digits, space and `. ' - _ / @ ( )`; the ends are
/// none of those but a letter, a digit, `.` or `)`. Letters that nobody sees are none.
pub static NAME: Rule = Rule::new(50, || {
    let letter = r"(?:[\p{L}--[\x{115F}\x{1160}\x{3164}\x{FFA0}]]\p{M}*)";
    let joiner = r"[\x{200C}\x{200D}]";
    let end = format!(r"(?:(?:{letter}{joiner})*{letter}(?:{VIRAMAS}{joiner})?|[0-9.)])");
    pattern(&format!(r"^{end}(?:(?:{end}|[ '\-_/@(])*{end})?$"))
});

/// The pattern that the HTML standard gives for `type=email`, but with at least one dot in the domain.
pub static EMAIL: Rule = Rule::new(64, || {
    let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
    pattern(&format!(r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{label}(?:\.{label})+$"))
});

pub static CONTACT: Rule = Rule::new(15, || pattern(r"^\+?[0-9]{8,}$"));

pub static GSTIN: Rule = Rule::new(15, || pattern("^[0-9]{2}[0-9A-Za-z]{13}$"));

pub static CUSTOMER_ID: Rule = Rule::new(19, || pattern("^(?s:.{5})[0-9A-Za-z]{14}$"));

pub static KEY_ID: Rule = Rule::new(23, || pattern("^rzp_(?:test|live)_[0-9A-Za-z]{14}$"));

pub static SECRET: Rule = Rule::new(24, || pattern("^[0-9A-Za-z]{24}$"));

/// What `X-Request-Id` may be.
pub static REQUEST_ID: Rule = Rule::new(64, || pattern("^[A-Za-z0-9_-]{8,}$"));

/// Three characters at least, which the pattern of a name cannot say.
pub fn is_name(text: &str) -> bool {
    text.chars().count() >= 3 && NAME.is_kept(text)
}

/// Panics where a value of a customer breaks a rule.
pub fn are_kept_by(customer: &Customer) {
    assert!(customer.name.as_ref().map(Name::as_str).is_none_or(is_name), "{customer:?}");
    assert!(customer.email.as_ref().is_none_or(|email| EMAIL.is_kept(Email::as_str(email))), "{customer:?}");
    assert!(customer.contact.as_ref().is_none_or(|contact| CONTACT.is_kept(Contact::as_str(contact))), "{customer:?}");
    assert!(customer.gstin.as_ref().is_none_or(|gstin| GSTIN.is_kept(Gstin::as_str(gstin))), "{customer:?}");
    let pairs = customer.notes.pairs();
    let is_note_text = |text: &str| text.chars().count() <= 256 && !text.contains('\0');
    let is_note = |(key, value): &(String, NoteValue)| is_note_text(key) && is_note_text(value.as_str());
    assert!(pairs.len() <= 15 && pairs.iter().all(is_note), "{customer:?}");
}

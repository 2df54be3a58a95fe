//! Text that people type or paste into the fields of a customer: how it is tidied, and why it does not fit, in words for people.
//!
//! The API neither tidies nor says more than its documented errors.

use super::email::{is_of_domain, is_of_local};
use super::label::{describe, tidied};
use super::name::{self, Fault};
use super::{Contact, Email, Field, Name};

impl Field {
    /// Tidies text that people paste into this field: what a phone or a word processor puts in the place of `'`, `-` and space,
    /// and what stands between the digits of a phone number. Blanks around it are dropped.
    ///
    /// # Errors
    ///
    /// A sentence that says why a phone number cannot be tidied.
    pub fn tidy(self, text: &str) -> Result<String, String> {
        match self {
            Self::Name | Self::Email => Ok(tidied(text).trim().to_owned()),
            Self::Contact => Contact::tidy(text),
            _ => Ok(text.trim().to_owned()),
        }
    }

    /// Says why a text does not fit this field and names the character to blame, where there is more to say than the rule that it
    /// breaks.
    pub fn fault(self, text: &str) -> Option<String> {
        let len = text.chars().count();
        match self {
            Self::Name if len > Name::LEN_MAX => Some(too_long("name", Name::LEN_MAX, len)),
            Self::Email if len > Email::LEN_MAX => Some(too_long("email", Email::LEN_MAX, len)),
            Self::Name => of_name(text, len),
            Self::Email => of_email(text),
            _ => None,
        }
    }
}

fn too_long(field: &str, max: usize, len: usize) -> String {
    format!("The {field} may not be greater than {max} characters. This one has {len}.")
}

fn of_name(text: &str, len: usize) -> Option<String> {
    Some(match name::fault(text) {
        Some(Fault::Stray(char)) => {
            format!("The name can't contain {}. Use letters, digits, spaces and . ' - _ / @ ( ).", describe(char))
        }
        Some(Fault::Loose(char)) => {
            format!("The name has a character that belongs to no letter: {}.", describe(char))
        }
        Some(Fault::Start(char)) => {
            format!("The name can't start with {}. Start with a letter, a digit, . or ).", describe(char))
        }
        Some(Fault::End(char)) => {
            format!("The name can't end with {}. End with a letter, a digit, . or ).", describe(char))
        }
        None if len < Name::LEN_MIN => format!("The name needs at least {} characters.", Name::LEN_MIN),
        None => return None,
    })
}

fn of_email(text: &str) -> Option<String> {
    let stray = |char| {
        let twice = if char == '@' { " twice" } else { "" };
        format!("The email can't contain {}{twice}. Give one address, as in name@example.com.", describe(char))
    };
    Email::parse(text).err()?;
    let Some((local, domain)) = text.rsplit_once('@') else {
        let first = text.chars().find(|char| !is_of_local(*char));
        return Some(first.map_or("The email needs an @, as in name@example.com.".into(), stray));
    };
    let first = local.chars().find(|char| !is_of_local(*char));
    if let Some(char) = first.or_else(|| domain.chars().find(|char| !is_of_domain(*char))) {
        return Some(stray(char));
    }
    let words: Vec<&str> = domain.split('.').collect();
    let sentence = match words.as_slice() {
        _ if local.is_empty() => "The email needs a name before the @.",
        [_] => "The email needs a dot after the @, as in name@example.com.",
        words if words.contains(&"") => "The email has one dot too many after the @.",
        words if words.iter().any(|word| word.starts_with('-') || word.ends_with('-')) => {
            "The email has “-” at an end of a word after the @."
        }
        _ => return None,
    };
    Some(sentence.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_name_says_which_character_is_wrong() {
        for (text, words) in [
            ("Tom & Co", "The name can't contain “&”. Use letters, digits, spaces and . ' - _ / @ ( )."),
            ("&", "The name can't contain “&”. Use letters, digits, spaces and . ' - _ / @ ( )."),
            ("Bob\u{202E}", "The name can't contain U+202E, a text direction control. Use letters"),
            ("Bob 😀", "The name can't contain “😀” (U+1F600). Use letters"),
            ("Bob\u{3164}", "The name can't contain U+3164, an invisible character. Use letters"),
            ("Bob\u{200D}", "The name has a character that belongs to no letter: U+200D, a joiner."),
            ("Bob 1\u{301}", "The name has a character that belongs to no letter: “\u{25CC}\u{301}” (U+0301)."),
            ("(Bob)", "The name can't start with “(”. Start with a letter, a digit, . or )."),
            ("Bob ", "The name can't end with a space. End with a letter, a digit, . or )."),
            ("ab", "The name needs at least 3 characters."),
            (&"x".repeat(51), "The name may not be greater than 50 characters. This one has 51."),
        ] {
            let fault = Field::Name.fault(text).unwrap();
            assert!(fault.starts_with(words) && Name::parse(text).is_err(), "{fault}");
        }
        assert_eq!(Field::Name.fault("José"), None);
    }

    #[test]
    fn a_refused_email_says_which_character_is_wrong() {
        for (text, words) in [
            ("a b@x.in", "The email can't contain a space. Give one address, as in name@example.com."),
            ("a@x.in, b@x.in", "The email can't contain “@” twice. Give one"),
            ("a@x.in;", "The email can't contain “;”. Give one"),
            ("josé@x.in", "The email can't contain “é” (U+00E9). Give one"),
            ("a\u{202e}@x.in", "The email can't contain U+202E, a text direction control. Give one"),
            ("a@x\u{200b}.in", "The email can't contain U+200B, a space without width. Give one"),
            ("asha.x.in", "The email needs an @, as in name@example.com."),
            ("Asha Rao", "The email can't contain a space. Give one"),
            ("@x.in", "The email needs a name before the @."),
            ("a@x", "The email needs a dot after the @, as in name@example.com."),
            ("a@x..in", "The email has one dot too many after the @."),
            ("a@x.in.", "The email has one dot too many after the @."),
            ("a@-x.in", "The email has “-” at an end of a word after the @."),
            (&format!("a@{}.in", "x".repeat(60)), "The email may not be greater than 64 characters. This one has 65."),
        ] {
            let fault = Field::Email.fault(text).unwrap();
            assert!(fault.starts_with(words) && Email::parse(text).is_err(), "{fault}");
        }
        assert_eq!(Field::Email.fault("a@x.in"), None);
    }

    #[test]
    fn each_field_is_tidied_as_people_paste_it() {
        let tidied = |field: Field, text| field.tidy(text);
        assert_eq!(tidied(Field::Name, "\u{a0}O’Brien Anne‑Marie "), Ok("O'Brien Anne-Marie".into()));
        assert_eq!(tidied(Field::Email, "o’brien@x.ie\u{202f}"), Ok("o'brien@x.ie".into()));
        assert_eq!(tidied(Field::Contact, "+91 98765-43210"), Ok("+919876543210".into()));
        assert!(tidied(Field::Contact, "98765 ext 1").is_err());
    }
}

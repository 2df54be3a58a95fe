//! What a password must be: long, and not one that is tried first, by everybody or for this person here. No rule about which
//! characters it holds, and it is taken exactly as it was typed.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::{Invalid, Secret};

/// The fewest characters of a password.
pub const LEN_MIN: usize = 12;
/// The most characters of a password: beyond, it is no password.
pub const LEN_MAX: usize = 256;

const TOO_SHORT: Invalid = Invalid::new("The password must have at least 12 characters.");
const TOO_LONG: Invalid = Invalid::new("The password may not have more than 256 characters.");
const COMMON: Invalid =
    Invalid::new("The password is one of the commonest; choose one that nobody else would think of.");

const NEAR: Invalid = Invalid::new(
    "The password is little more than your email or a word that everybody here would try; choose one that nobody else would think of.",
);

/// What somebody tries who knows only what this is.
pub const WORDS: [&str; 5] = ["patron", "razorpay", "customer", "console", "password"];
/// The fewest characters of a word that is looked for.
const WORD_LEN_MIN: usize = 4;
/// The fewest characters that make a password beside such words.
const REST_LEN_MIN: usize = 8;

/// The commonest passwords, in lower case, one a line: the first 3,000 of any length, then those of 12 characters and more,
/// another 3,300. Their sources and licences stand beside the list.
static COMMONEST: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("passwords.txt").lines().collect());

/// Reads a password that the person of this email chose.
pub fn parse(text: &str, email: &str) -> Result<Secret, Invalid> {
    let lowered = Zeroizing::new(text.to_lowercase());
    match text.chars().count() {
        ..LEN_MIN => Err(TOO_SHORT),
        len if len > LEN_MAX => Err(TOO_LONG),
        _ if COMMONEST.contains(lowered.as_str()) => Err(COMMON),
        _ if is_near(&lowered, &email.to_lowercase()) => Err(NEAR),
        _ => Ok(Secret::given(text.to_owned())),
    }
}

/// Whether there is no password left without the parts of the email and the words of this place.
fn is_near(password: &str, email: &str) -> bool {
    let words = email.split(|char: char| !char.is_alphanumeric()).chain(WORDS);
    let mut words: Vec<&str> = words.filter(|word| word.chars().count() >= WORD_LEN_MIN).collect();
    words.sort_by_key(|word| Reverse(word.len()));
    let mut rest = Zeroizing::new(password.to_owned());
    for word in words {
        rest = Zeroizing::new(rest.replace(word, ""));
    }
    rest.len() < password.len() && (rest.chars().count() < REST_LEN_MIN || COMMONEST.contains(rest.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_two_sides_and_the_commonest_are_refused() {
        let parse = |text: &str| parse(text, "");
        assert_eq!(parse(&"é".repeat(11)).err(), Some(TOO_SHORT));
        assert!(parse(&"é".repeat(12)).is_ok());
        assert!(parse(&"x".repeat(256)).is_ok());
        assert_eq!(parse(&"x".repeat(257)).err(), Some(TOO_LONG));
        // As many as there are to be of those that are long enough to be chosen.
        let long: Vec<&&str> = COMMONEST.iter().filter(|password| password.len() >= LEN_MIN).collect();
        assert!(long.len() >= 3_000);
        assert!(long.iter().all(|password| parse(&password.to_uppercase()).err() == Some(COMMON)));
    }

    #[test]
    fn what_everybody_here_would_try_is_refused() {
        let parse = |text: &str| parse(text, "Asha.Rao@kaveri.example").err();
        for near in [
            "Patron-2026-Patron",
            "asha.kaveri2026",
            "RAZORPAY!razorpay",
            "kaveriexample1",
            "patron12345678",
            "my-customer-1",
        ] {
            assert_eq!(parse(near), Some(NEAR), "{near}");
        }
        // Nothing else is asked of it: neither kinds of characters, nor that no such word is in it.
        for fine in ["patron of violet harbours", "रवि नदी के पार चलता है", "1029384756 65748392", "  spaces around  "]
        {
            assert_eq!(parse(fine), None, "{fine}");
        }
    }

    #[test]
    fn a_password_is_taken_as_it_was_typed() {
        for typed in
            ["  Two Spaces, twice  ", "ÄÖÜ äöü ÄÖÜ äöü", "😀😀😀😀😀😀😀😀😀😀😀😀", "tab\tand\u{a0}other space"]
        {
            assert_eq!(parse(typed, "").unwrap().reveal(), typed);
        }
    }
}

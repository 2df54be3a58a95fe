//! What a password must be: long, and not one that everybody tries first. No rule about which characters it holds.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{Invalid, Secret};

/// The fewest characters of a password.
pub const LEN_MIN: usize = 12;
/// The most characters of a password: beyond, it is no password.
pub const LEN_MAX: usize = 256;

const TOO_SHORT: Invalid = Invalid::new("The password must have at least 12 characters.");
const TOO_LONG: Invalid = Invalid::new("The password may not have more than 256 characters.");
const COMMON: Invalid =
    Invalid::new("The password is one of the commonest; choose one that nobody else would think of.");

/// The commonest passwords, in lower case, one a line: the first 3,000, then the rest of 12 characters and more, from
/// @zxcvbn-ts/language-common 4.1.3 under the MIT licence, which stands beside the list.
static COMMONEST: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("passwords.txt").lines().collect());

/// Reads a password that somebody chose.
pub fn parse(text: &str) -> Result<Secret, Invalid> {
    match text.chars().count() {
        ..LEN_MIN => Err(TOO_SHORT),
        len if len > LEN_MAX => Err(TOO_LONG),
        _ if COMMONEST.contains(text.to_lowercase().as_str()) => Err(COMMON),
        _ => Ok(Secret::given(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_two_sides_and_the_commonest_are_refused() {
        assert_eq!(parse(&"é".repeat(11)).err(), Some(TOO_SHORT));
        assert!(parse(&"é".repeat(12)).is_ok());
        assert!(parse(&"x".repeat(256)).is_ok());
        assert_eq!(parse(&"x".repeat(257)).err(), Some(TOO_LONG));
        assert!(COMMONEST.len() >= 3_000);
        let long: Vec<&&str> = COMMONEST.iter().filter(|password| password.len() >= LEN_MIN).collect();
        assert!(!long.is_empty());
        assert!(long.iter().all(|password| parse(&password.to_uppercase()).err() == Some(COMMON)));
    }
}
